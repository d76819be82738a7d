// Pure: no I/O, no clock, no randomness.

import type { FoundWebhook } from '../queries/find-webhook.ts';
import { type Cell, oneLine, paint, spanText, statusCell, table, timeText } from './table.ts';

interface Looks {
  readonly hasColours: boolean;
  readonly columns: number;
}

/** Formats a webhook for people: what it is, what it waits for, and its history. */
export function webhookText(webhook: FoundWebhook, looks: Looks): string {
  const fields: [string, Cell][] = [
    ['id', webhook.id],
    ['status', statusCell(webhook.status)],
    ['url', (webhook.url ?? '').split('?')[0] ?? ''],
    ...(webhook.endpoint_id === null
      ? []
      : [['endpoint', webhook.endpoint_id] satisfies [string, Cell]]),
    ...(webhook.tenant === '' ? [] : [['tenant', webhook.tenant] satisfies [string, Cell]]),
    ...(webhook.event_type === null
      ? []
      : [['event', `${webhook.event_type} ${webhook.event_id}`] satisfies [string, Cell]]),
    ['priority', webhook.priority],
    ['body', `${webhook.body_bytes} bytes, ${webhook.content_type}`],
  ];
  if (webhook.reason !== null) fields.push(['reason', webhook.reason]);
  if (webhook.waits_for !== null) fields.push(['waits for', webhook.waits_for]);
  if (webhook.next_attempt_at !== null) {
    fields.push(['next try', `not before ${timeText(webhook.next_attempt_at)}`]);
  }
  const width = Math.max(...fields.map(([name]) => name.length));
  const lines = fields.map(([name, cell]) => {
    const [text, colour] = typeof cell === 'string' ? [cell, undefined] : cell;
    return `${paint(name.padEnd(width), 'faint', looks.hasColours)}  ${paint(oneLine(text), colour, looks.hasColours)}`;
  });
  return [...lines, '', table(['AT', 'WHAT', 'HOW', 'TOOK'], life(webhook), looks)].join('\n');
}

function life(webhook: FoundWebhook): Cell[][] {
  const events: { at: string; cells: Cell[] }[] = [
    { at: webhook.created_at, cells: ['enqueued', '', ''] },
    ...webhook.attempts.map((attempt) => ({
      at: attempt.started_at,
      cells: [
        `attempt ${attempt.number}`,
        attempt.finished_at === null
          ? 'under way'
          : ([
              [attempt.status_code, attempt.error_message ?? attempt.error]
                .filter((part) => part !== null)
                .join(' '),
              attempt.error === null ? 'green' : 'red',
            ] satisfies Cell),
        spanText(attempt.duration_ms === null ? null : attempt.duration_ms / 1_000),
      ],
    })),
    ...webhook.earlier_outcomes.flatMap((earlier) => [
      {
        at: earlier.finished_at,
        cells: [statusCell(earlier.status), earlier.reason ?? '', ''],
      },
      {
        at: earlier.replayed_at,
        cells: ['sent again', earlier.replay_id === null ? '' : `replay ${earlier.replay_id}`, ''],
      },
    ]),
  ];
  if (webhook.finished_at !== null) {
    events.push({
      at: webhook.finished_at,
      cells: [statusCell(webhook.status), webhook.reason ?? '', ''],
    });
  }
  return events
    .toSorted((one, other) => (one.at < other.at ? -1 : Number(one.at > other.at)))
    .map(({ at, cells }) => [timeText(at), ...cells]);
}
