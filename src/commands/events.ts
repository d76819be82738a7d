import { readEventRequest } from '../input/event-request.ts';
import { keyConflict, notFound } from '../input/problem.ts';
import type { EventRow } from '../queries/event-row.ts';
import { type EventExplanation, explainEvent } from '../queries/explain-event.ts';
import { type FoundEvent, findEvent } from '../queries/find-event.ts';
import { listEvents } from '../queries/list-events.ts';
import { publishEvent } from '../queries/publish-event.ts';
import { type Given, hasOption, numberOption, textOption } from './command.ts';
import { bodyLimitBytes, contentOf } from './content-options.ts';
import { withDatabase } from './database.ts';
import { idArgument, timeOption } from './filter-options.ts';
import { refuse, refuseUsage } from './problem-text.ts';
import { type Cell, oneLine, paint, statusCell, table, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';

/** `posthorn publish`. */
export async function publishEventCommand(given: Given): Promise<void> {
  const [eventType = ''] = given.arguments;
  const request = readEventRequest(
    { tenant: textOption(given, 'tenant'), event_type: eventType, ...(await contentOf(given)) },
    { bodyLimitBytes },
  );
  if (!request.ok) refuseUsage(request.problem);
  await withDatabase(async (pool) => {
    const published = await publishEvent(pool, request.event);
    if (published.kind === 'conflict') refuse(keyConflict('event', published.id).detail);
    const { id } = published;
    print(hasOption(given, 'json') ? { id, is_new: published.kind === 'accepted' } : id);
  });
}

/** `posthorn events list`. */
export async function listEventsCommand(given: Given): Promise<void> {
  const limit = numberOption(given, 'limit', { min: 1, max: 10_000, fallback: 50 });
  const which = {
    tenant: textOption(given, 'tenant'),
    eventType: textOption(given, 'event-type'),
    isWithoutRecipients: hasOption(given, 'unmatched'),
    from: timeOption(given, 'from'),
    until: timeOption(given, 'until'),
  };
  const events: EventRow[] = [];
  await withDatabase(async (pool) => {
    for (let before: string | undefined; events.length < limit; ) {
      const page = await listEvents(pool, {
        limit: Math.min(200, limit - events.length),
        before,
        which,
      });
      events.push(...page.events);
      if (page.before === null) break;
      before = page.before;
    }
  });
  if (hasOption(given, 'json')) return print({ events });
  if (events.length === 0) return print('No events.');
  const rows = events.map((event) => [
    event.id,
    timeText(event.created_at),
    event.tenant,
    event.event_type,
    recipientsCell(event),
    `${event.body_bytes} bytes`,
  ]);
  const head = ['ID', 'PUBLISHED', 'TENANT', 'TYPE', 'RECIPIENTS', 'BODY'];
  print(table(head, rows, terminalOf(process.stdout)));
}

function recipientsCell({ recipients }: EventRow): Cell {
  if (recipients === null) return 'being added';
  return recipients === 0 ? ['0', 'yellow'] : String(recipients);
}

/** Endpoints that `events show` explains. */
const mostExplained = 200;

/** `posthorn events show`. */
export async function showEventCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'event');
  await withDatabase(async (pool) => {
    const event = (await findEvent(pool, id)) ?? refuse(notFound('event', id).detail);
    if (hasOption(given, 'json')) return print(event);
    const endpoints = await explainEvent(pool, { id, most: mostExplained + 1 });
    print(eventText(event, endpoints));
  });
}

function eventText(event: FoundEvent, endpoints: readonly EventExplanation[]): string {
  const looks = terminalOf(process.stdout);
  const fields: [string, Cell][] = [
    ['id', event.id],
    ['type', event.event_type],
    ['tenant', event.tenant],
    ['published', timeText(event.created_at)],
    ['recipients', recipientsCell(event)],
    ['body', `${event.body_bytes} bytes, ${event.content_type}`],
  ];
  if (event.send_at !== null) fields.push(['send at', timeText(event.send_at)]);
  const width = Math.max(...fields.map(([name]) => name.length));
  const lines = fields.map(([name, cell]) => {
    const [text, colour] = typeof cell === 'string' ? [cell, undefined] : cell;
    return `${paint(name.padEnd(width), 'faint', looks.hasColours)}  ${paint(oneLine(text), colour, looks.hasColours)}`;
  });
  if (endpoints.length === 0) return [...lines, '', 'The tenant has no endpoints.'].join('\n');
  const rows = endpoints
    .slice(0, mostExplained)
    .map((one) => [
      one.endpoint_id,
      one.tenant,
      one.status === null ? (['not sent', 'faint'] satisfies Cell) : statusCell(one.status),
      one.why ?? String(one.last_status_code ?? ''),
      one.webhook_id ?? '',
      one.url,
    ]);
  const head = ['ENDPOINT', 'TENANT', 'STATUS', 'WHY', 'WEBHOOK', 'URL'];
  const rest = endpoints.length > mostExplained ? [`The first ${mostExplained}.`] : [];
  return [...lines, '', table(head, rows, looks), ...rest].join('\n');
}
