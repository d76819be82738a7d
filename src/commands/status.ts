import { readConfig } from '../config/config.ts';
import { type Hold, holdText } from '../domain/hold.ts';
import { readHold } from '../queries/hold.ts';
import { readStats, type Stats } from '../queries/read-stats.ts';
import { type Overview, readOverview } from '../queries/read-status.ts';
import { type Given, hasOption } from './command.ts';
import { withDatabase } from './database.ts';
import { type Cell, type Colour, oneLine, paint, spanText, table, timeText } from './table.ts';
import { print, type Terminal, terminalOf } from './terminal.ts';

/** `posthorn status`: one screen. */
export async function statusCommand(given: Given): Promise<void> {
  const { environment } = readConfig(process.env);
  const facts = await withDatabase(async (pool) => ({
    stats: await readStats(pool),
    overview: await readOverview(pool),
    hold: await readHold(pool, environment),
  }));
  const { stats, overview, hold } = facts;
  if (hasOption(given, 'json')) {
    print({ hold: hold ?? null, ...overview, ...figuresOf(facts), stats: stats ?? null });
    return;
  }
  if (hold !== undefined) print(`${holdText(hold, environment)}\n`);
  print(statusText(facts, terminalOf(process.stdout)));
}

interface Facts {
  readonly stats: Stats | undefined;
  readonly overview: Overview;
  /** Why the database is held. */
  readonly hold: Hold | undefined;
}

function figuresOf({ stats, overview }: Pick<Facts, 'stats' | 'overview'>) {
  const { attempts, failures, window_s } = overview;
  const queue = stats?.queue ?? [];
  const sum = (...states: string[]) =>
    queue
      .filter(({ state }) => states.includes(state))
      .reduce((total, { webhooks }) => total + webhooks, 0);
  const oldest = (state: string) =>
    queue
      .filter((part) => part.state === state)
      .reduce<number | null>(
        (most, { oldest_due_s }) =>
          oldest_due_s === null ? most : Math.max(most ?? 0, oldest_due_s),
        null,
      );
  return {
    attempts_per_s: attempts / Math.max(1, window_s),
    success_ratio: attempts === 0 ? null : (attempts - failures) / attempts,
    due: sum('due'),
    held: sum('held'),
    waiting: sum('retry', 'scheduled'),
    sending: sum('sending'),
    oldest_due_s: oldest('due'),
    oldest_held_s: oldest('held'),
  };
}

function statusText(facts: Facts, terminal: Terminal): string {
  const { overview, stats } = facts;
  const { hasColours } = terminal;
  const figures = figuresOf(facts);
  const about = stats?.is_estimated === true ? 'about ' : '';
  const minutes = Math.max(1, Math.round(overview.window_s / 60));
  const success = figures.success_ratio;
  const lines: [string, Cell][] = [
    [
      'rate',
      `${figures.attempts_per_s.toFixed(figures.attempts_per_s < 10 ? 1 : 0)} attempts a second, in the last ${minutes} min`,
    ],
    [
      'success',
      success === null
        ? 'no attempts'
        : [`${(100 * success).toFixed(1)} %`, colourOf(success < 0.75, success < 0.95)],
    ],
    [
      'backlog',
      `${about}${figures.due} due${figures.oldest_due_s === null ? '' : `, the oldest for ${spanText(figures.oldest_due_s)}`}; ${figures.sending} being sent, ${figures.waiting} wait for their time`,
    ],
    [
      'held',
      figures.held === 0
        ? 'none'
        : `${about}${figures.held} by breakers and pauses, the oldest due for ${spanText(figures.oldest_held_s)}`,
    ],
    [
      'workers',
      overview.workers.length === 0
        ? facts.hold === undefined
          ? ['none alive: start one with "posthorn start" or "posthorn worker"', 'red']
          : ['none active while the database is held', 'yellow']
        : overview.workers
            .map(({ number, host, pid }) => `${number} on ${host} (${pid})`)
            .join(', '),
    ],
    [
      'alerts',
      overview.alerts.length === 0
        ? ['none', 'green']
        : [`${overview.alerts.length} firing`, 'red'],
    ],
    [
      'breakers',
      overview.breakers.length === 0
        ? ['none open', 'green']
        : [
            `${stats === undefined ? overview.breakers.length : stats.lanes.open + stats.origins.open} open`,
            'red',
          ],
    ],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const text = lines.map(([name, cell]) => {
    const [value, colour] = typeof cell === 'string' ? [cell, undefined] : cell;
    return `${paint(name.padEnd(width), 'faint', hasColours)}  ${paint(oneLine(value), colour, hasColours)}`;
  });
  return [...text, ...alertLines(overview, terminal), ...breakerLines(overview, terminal)].join(
    '\n',
  );
}

function alertLines({ alerts }: Overview, terminal: Terminal): string[] {
  if (alerts.length === 0) return [];
  const rows = alerts.map(({ rule, severity, summary, fired_at, clear_since }) => [
    [severity, severity === 'critical' && clear_since === null ? 'red' : 'yellow'] satisfies Cell,
    rule,
    timeText(new Date(fired_at).toISOString()),
    // An alert outlives its cause by some minutes.
    clear_since === null ? summary : `No longer so: ${summary}`,
  ]);
  return ['', table(['ALERT', 'RULE', 'SINCE', 'WHAT'], rows, terminal)];
}

function breakerLines({ breakers }: Overview, terminal: Terminal): string[] {
  if (breakers.length === 0) return [];
  const rows = breakers.map((breaker) => [
    breaker.of_origin ? `all of ${breaker.url}` : breaker.url,
    String(breaker.failures),
    breaker.last_error ?? '',
    timeText(new Date(breaker.failing_since).toISOString()),
    breaker.next_probe_at === null ? '' : timeText(new Date(breaker.next_probe_at).toISOString()),
  ]);
  return ['', table(['BREAKER', 'FAILURES', 'LAST', 'SINCE', 'NEXT PROBE'], rows, terminal)];
}

function colourOf(isBad: boolean, isPoor: boolean): Colour {
  if (isBad) return 'red';
  return isPoor ? 'yellow' : 'green';
}
