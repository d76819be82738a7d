import { setTimeout as delay } from 'node:timers/promises';
import type { DatabasePool } from 'slonik';
import { readOverview } from '../queries/read-status.ts';
import { type ReplayRow, replayPriorities, replayStatuses } from '../queries/replay-row.ts';
import {
  cancelReplay,
  createReplay,
  type FoundReplay,
  findReplay,
  listReplays,
} from '../queries/replays.ts';
import { countMatching } from '../queries/webhook-filter.ts';
import { choiceOption, type Given, hasOption, numberOption } from './command.ts';
import { withDatabase } from './database.ts';
import { refuseDeadFilter } from './dead-filter.ts';
import { filterOf, idArgument, rateOption } from './filter-options.ts';
import { refuse } from './problem-text.ts';
import { statusCell, table, timeText } from './table.ts';
import { ProgressBar, print, terminalOf } from './terminal.ts';

/** `posthorn replay`. */
export async function replayCommand(given: Given): Promise<void> {
  const filter = filterOf(given, { doing: 'replay' });
  const rateLimitPerS = rateOption(given);
  const priority = choiceOption(given, 'priority', replayPriorities) ?? 'low';
  await withDatabase(async (pool) => {
    await refuseDeadFilter(pool, { filter, doing: 'replay' });
    const count = await countMatching(pool, filter);
    const found = `${count.isAtLeast ? 'At least ' : ''}${count.matched} ${count.matched === 1 ? 'webhook matches' : 'webhooks match'}.`;
    if (hasOption(given, 'dry-run')) {
      return print(
        hasOption(given, 'json')
          ? { dry_run: true, matched: count.matched, is_at_least: count.isAtLeast }
          : found,
      );
    }
    const id = await createReplay(pool, { filter, rateLimitPerS, priority, ...count });
    if (!hasOption(given, 'json')) print(`${found} Replay ${id} puts them back.`);
    if (hasOption(given, 'no-wait')) {
      if (hasOption(given, 'json')) print((await findReplay(pool, id)) ?? {});
      return;
    }
    await warnIfNobodyWorks(pool);
    const ended = await untilEnded(pool, id);
    print(hasOption(given, 'json') ? ended : summaryOf(ended));
  });
}

const lookEveryMs = 250;

/** Follows a replay; an interrupt stops the following, not the replay. */
async function untilEnded(pool: DatabasePool, id: string): Promise<FoundReplay> {
  const bar = new ProgressBar();
  for (;;) {
    const replay = (await findReplay(pool, id)) ?? refuse(missing(id));
    const { matched, replayed, skipped, results } = replay;
    const done = replayed + skipped;
    bar.draw({
      done,
      total: Math.max(matched, done),
      text: `${replayed} of ${matched} put back, ${results.delivered} delivered, ${results.failed} failed`,
    });
    if (replay.status === 'finished' || replay.status === 'cancelled') {
      bar.clear();
      return replay;
    }
    await delay(lookEveryMs);
  }
}

async function warnIfNobodyWorks(pool: DatabasePool): Promise<void> {
  const { workers } = await readOverview(pool);
  if (workers.length > 0) return;
  console.error(
    'No worker is alive: the replay continues when one starts. Ctrl-C ends the waiting, not the replay.',
  );
}

function summaryOf(replay: FoundReplay): string {
  const { status, replayed, skipped_for, taken_back, results } = replay;
  const skipped = Object.entries(skipped_for).map(
    ([reason, webhooks]) => `, left out ${webhooks} (${reason})`,
  );
  const waiting = results.waiting + results.delivering;
  return [
    `${status === 'finished' ? 'Finished' : 'Cancelled'}: put back ${replayed}${skipped.join('')}${taken_back > 0 ? `, took back ${taken_back}` : ''}.`,
    `So far ${results.delivered} delivered, ${results.failed} failed, ${waiting} not sent yet.`,
  ].join('\n');
}

/** `posthorn replays list`. */
export async function listReplaysCommand(given: Given): Promise<void> {
  const status = choiceOption(given, 'status', replayStatuses);
  const limit = numberOption(given, 'limit', { min: 1, max: 1_000, fallback: 20 });
  const { replays } = await withDatabase((pool) =>
    listReplays(pool, { status, limit, before: undefined }),
  );
  if (hasOption(given, 'json')) return print({ replays });
  if (replays.length === 0) return print('No replays.');
  const head = ['ID', 'STARTED', 'STATUS', 'MATCHED', 'PUT BACK', 'LEFT OUT', 'WHAT'];
  const rows = replays.map((replay) => [
    replay.id,
    timeText(replay.created_at),
    statusCell(replay.status),
    String(replay.matched),
    String(replay.replayed),
    String(replay.skipped),
    whatOf(replay),
  ]);
  print(table(head, rows, terminalOf(process.stdout)));
}

function whatOf({ filter }: ReplayRow): string {
  return [
    filter.status.join(', '),
    filter.endpoint_id === null ? '' : `of ${filter.endpoint_id}`,
    filter.url === null ? '' : `to ${filter.url}`,
    filter.event_id === null ? '' : `of the event ${filter.event_id}`,
    filter.event_type === null ? '' : `of the type ${filter.event_type}`,
    filter.tenant === null ? '' : `of the tenant ${JSON.stringify(filter.tenant)}`,
    filter.from === null ? '' : `from ${timeText(filter.from)}`,
    filter.until === null ? '' : `until ${timeText(filter.until)}`,
    filter.ids === null ? '' : `${filter.ids.length} by id`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** `posthorn replays show`. */
export async function showReplayCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'replay');
  await withDatabase(async (pool) => {
    const replay = (await findReplay(pool, id)) ?? refuse(missing(id));
    if (hasOption(given, 'json')) return print(replay);
    print(
      replay.status === 'finished' || replay.status === 'cancelled'
        ? summaryOf(replay)
        : `${replay.status}: ${replay.replayed} of ${replay.matched} put back; ${whatOf(replay)}`,
    );
  });
}

/** `posthorn replays cancel`. */
export async function cancelReplayCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'replay');
  await withDatabase(async (pool) => {
    if (!(await cancelReplay(pool, id))) refuse(missing(id));
    await warnIfNobodyWorks(pool);
    const ended = await untilEnded(pool, id);
    print(hasOption(given, 'json') ? ended : summaryOf(ended));
  });
}

function missing(id: string): string {
  return `No replay with id ${id}`;
}
