import { beforeEach, describe, expect, it } from 'vitest';
import { graphileSchema } from '../../src/db/names.ts';
import { createTestDatabase } from '../support/database.ts';
import { ask, clear, idOf, inS, plant, plantQueue, whileHeld } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// What is moved when the clock of the database was set back by two hours, and what must stay as it is.

const database = forFile(createTestDatabase);

beforeEach(async () => {
  await clear(database);
  await database.pool.query('delete from posthorn.workers; delete from posthorn.samples');
});

const hour = 3_600;
const url = 'http://a.example/';

async function stepBy(seconds: number): Promise<number | null> {
  await database.pool.query(
    `update posthorn.clock set seen_at = clock_timestamp() + $1 * interval '1 second'`,
    [seconds],
  );
  const [row] = await ask<{ s: number | null }>(
    database,
    'select extract(epoch from posthorn.watch_clock())::float8 as s',
  );
  return row?.s ?? null;
}

/** In minutes from now. */
const minutes = async (table: string, order: string, ...columns: readonly string[]) =>
  (
    await ask(
      database,
      `select ${columns.map((column) => `round(extract(epoch from ${column} - now()) / 60)::integer as ${column}`).join(', ')}
       from posthorn.${table} order by ${order}`,
    )
  ).map((row) => columns.map((column) => row[column]));

it.each([
  { seconds: 2 * hour, heals: true },
  { seconds: 15, heals: true },
  { seconds: 3, heals: false },
  { seconds: -5, heals: false },
  { seconds: -9_000, heals: false },
])('a step back by $seconds s is healed: $heals', async ({ seconds, heals }) => {
  expect((await stepBy(seconds)) !== null).toBe(heals);
});

it('a clock that was looked at within ten seconds is not written again', async () => {
  const seen = async () => (await ask(database, 'select seen_at from posthorn.clock'))[0];
  await stepBy(-2);
  const before = await seen();
  await database.pool.query('select posthorn.watch_clock()');
  expect(await seen()).toEqual(before);
  await stepBy(-60);
  expect(
    await ask(database, `select seen_at > now() - interval '20 s' as is_new from posthorn.clock`),
  ).toEqual([{ is_new: true }]);
});

it('of what waits in the queue only what is due in time to come is moved, and long leases are cut', async () => {
  const row = (n: number, due: number, more: object = {}) => ({
    n,
    due_at: inS(due * hour),
    ...more,
  });
  await plantQueue(database, [
    row(1, 3),
    row(2, -1),
    row(3, -1, { lease_until: inS(2 * hour), leased_by: 1 }),
    row(4, -1, { lease_until: inS(60), leased_by: 1 }),
    row(5, 3, { attempts: 2, past_attempts: 2 }),
    row(6, 3, { attempts: 3, past_attempts: 2 }),
    row(7, 3, { attempts: 3, past_attempts: 2 }),
    row(8, 3),
    row(9, 3, { attempts: 1 }),
  ]);
  await plant(database, 'attempts', [
    { webhook_id: idOf(6), number: 3, worker: 1, finished_at: inS(hour) },
    { webhook_id: idOf(7), number: 2, worker: 1, finished_at: inS(hour) },
    { webhook_id: idOf(7), number: 3, worker: 1, finished_at: inS(-5) },
    { webhook_id: idOf(9), number: 1, worker: 1 },
  ]);
  const held = `select from posthorn.queue where webhook_id = '${idOf(8)}' for update`;
  await database.pool.query(
    `update posthorn.clock set seen_at = clock_timestamp() + interval '2 hours'`,
  );
  await whileHeld(database, held, (pool) => pool.query('select posthorn.watch_clock()'));
  expect(await minutes('queue', 'webhook_id', 'due_at', 'lease_until')).toEqual([
    ...[
      [60, null],
      [-60, null],
      [-60, 2],
      [-60, 1],
      [60, null],
      [60, null],
    ],
    ...[
      [180, null],
      [180, null],
      [180, null],
    ],
  ]);
});

it('breakers that failed in time to come are moved, and no others', async () => {
  const breaker = (key: number, row: object) => ({ url, state: 'open', key, ...row });
  const times = {
    open_until: inS(3 * hour),
    probe_until: inS(3 * hour),
    throttled_until: inS(3 * hour),
  };
  await plant(database, 'breakers', [
    breaker(1, { failing_since: inS(hour), ...times }),
    breaker(2, { failing_since: inS(-hour), last_failure_at: inS(hour), ...times }),
    breaker(3, { failing_since: inS(-hour), last_failure_at: inS(-hour), ...times }),
    breaker(4, { failing_since: inS(hour) }),
  ]);
  await stepBy(2 * hour);
  const columns = [
    'failing_since',
    'last_failure_at',
    'open_until',
    'probe_until',
    'throttled_until',
  ];
  expect(await minutes('breakers', 'key', ...columns)).toEqual([
    [0, null, 60, 60, 60],
    [-60, 0, 60, 60, 60],
    [-60, -60, 180, 180, 180],
    [0, null, null, null, null],
  ]);
});

it('lanes wait as much shorter, and their rates begin soon', async () => {
  const rule = { is_held: false, is_ordered: true, rate_limit_per_s: 1 / 300 };
  await plant(database, 'lane_rules', [
    { ...rule, lane: 1, retry_at: inS(3 * hour), rate_from: inS(hour) },
    { ...rule, lane: 2, retry_at: inS(-hour), rate_from: inS(hour) },
    { ...rule, lane: 3, retry_at: inS(3 * hour) },
    { ...rule, lane: 4, retry_at: inS(-hour), rate_from: inS(-hour) },
  ]);
  await stepBy(2 * hour);
  expect(await minutes('lane_rules', 'lane', 'retry_at', 'rate_from')).toEqual([
    [60, 5],
    [-60, 5],
    [60, null],
    [-60, -60],
  ]);
});

it('replays that go on are moved, and none that has ended', async () => {
  const replay = (matched: number, status: string, moved: number, paced: number | null) => ({
    ...{ url, matched, status, moved_at: inS(moved * hour) },
    paced_until: paced === null ? null : inS(paced * hour),
  });
  await plant(database, 'replays', [
    replay(1, 'running', 1, 3),
    replay(2, 'cancelling', 1, -1),
    replay(3, 'finished', 1, 3),
    replay(4, 'cancelled', 1, 3),
    replay(5, 'running', -1, 3),
  ]);
  await stepBy(2 * hour);
  expect(await minutes('replays', 'matched', 'moved_at', 'paced_until')).toEqual([
    [0, 60],
    [0, -60],
    [60, 180],
    [60, 180],
    [-60, 60],
  ]);
});

it('alerts that are on are as old as now at most, and workers were seen now', async () => {
  const alert = { rule: 'backlog', severity: 'warning', summary: '' };
  const ahead = {
    since: inS(hour),
    fired_at: inS(hour),
    told_at: inS(hour),
    clear_since: inS(hour),
  };
  await plant(database, 'alerts', [
    { ...alert, ...ahead, step: 1 },
    { ...alert, subject: '2', step: 2, since: inS(hour) },
    { ...alert, ...ahead, subject: '3', step: 3, resolved_at: inS(hour) },
    { ...alert, subject: '4', step: 4, since: inS(-hour), fired_at: inS(-hour) },
  ]);
  await plant(database, 'workers', [
    {
      number: 1,
      host: 'h',
      pid: 1,
      version: '1',
      seen_at: inS(hour),
      egress_down_since: inS(hour),
    },
    { number: 2, host: 'h', pid: 1, version: '1', seen_at: inS(-hour) },
  ]);
  await stepBy(2 * hour);
  expect(await minutes('alerts', 'step', 'since', 'fired_at', 'told_at', 'clear_since')).toEqual([
    [0, 0, 0, 0],
    [0, null, null, null],
    [60, 60, 60, 60],
    [-60, -60, null, null],
  ]);
  expect(await minutes('workers', 'number', 'seen_at', 'egress_down_since')).toEqual([
    [0, 0],
    [-60, null],
  ]);
});

it('what was counted for minutes that come again is forgotten', async () => {
  const tally = { worker: 1, attempts: 1, failures: 0 };
  await plant(database, 'tallies', [
    { ...tally, counted_at: inS(hour) },
    { ...tally, counted_at: inS(-60) },
  ]);
  const sample = { attempts: 1, failures: 1, seconds: 60, waiting: 0, due: 0 };
  await plant(database, 'samples', [
    { ...sample, taken_at: inS(hour) },
    { ...sample, taken_at: inS(-60) },
  ]);
  await stepBy(2 * hour);
  expect(await minutes('tallies', '1', 'counted_at')).toEqual([[-1]]);
  expect(await minutes('samples', '1', 'taken_at')).toEqual([[-1]]);
});

describe("of Graphile's jobs", () => {
  it('those are moved that were due by the old clock, and that are not running', async () => {
    await database.pool.query(
      `select ${graphileSchema}.add_job(name, run_at => now() + minutes * interval '1 minute')
       from (values ('a', 119), ('b', 30), ('c', 125), ('d', 119), ('e', -5)) as jobs (name, minutes)`,
    );
    await database.pool.query(
      `update ${graphileSchema}._private_jobs as j set locked_at = now()
       from ${graphileSchema}._private_tasks as t where t.id = j.task_id and t.identifier = 'd'`,
    );
    await stepBy(2 * hour);
    const jobs = await ask<{ task: string; due: number }>(
      database,
      `select task_identifier as task, round(extract(epoch from run_at - now()) / 60)::integer as due
       from ${graphileSchema}.jobs order by 1`,
    );
    expect(jobs.map(({ task, due }) => `${task} ${due}`)).toEqual([
      'a 0',
      'b 0',
      'c 125',
      'd 119',
      'e -5',
    ]);
    await database.pool.query(`delete from ${graphileSchema}._private_jobs`);
  });

  it('the crontab goes on from now where it is ahead', async () => {
    await database.pool.query(
      `delete from ${graphileSchema}._private_known_crontabs;
       insert into ${graphileSchema}._private_known_crontabs (identifier, known_since, last_execution)
       values ('ahead', now(), now() + interval '1 h'), ('behind', now(), now() - interval '1 h')`,
    );
    await stepBy(2 * hour);
    expect(
      await ask(
        database,
        `select identifier, last_execution > now() as ahead, last_execution > now() - interval '30 minutes' as recent
         from ${graphileSchema}._private_known_crontabs order by 1`,
      ),
    ).toEqual([
      { identifier: 'ahead', ahead: false, recent: true },
      { identifier: 'behind', ahead: false, recent: false },
    ]);
  });
});
