import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { graphileSchema } from '../../src/db/names.ts';
import { prune } from '../../src/maintenance/prune.ts';
import { createTestDatabase } from '../support/database.ts';
import { ask, clear, idOf, inS, plant, plantQueue } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// What the pruning removes, and what it must leave: of each kind one row on either side of the line.

const dayS = 86_400;
const retention = { retentionMs: 30 * dayS * 1_000 };

const database = forFile(createTestDatabase);

beforeEach(() => clear(database));

const daysAgo = (days: number) => inS(-days * dayS);

describe('of days', () => {
  it('the one that is as old as the retention stays, and the one before it goes', async () => {
    // One retention for all days: whatever the time of day, the day before the last whole one has just become too old.
    await database.pool.query(
      `select posthorn.make_partitions((now() at time zone 'UTC')::date - ago) from generate_series(29, 33) as ago`,
    );
    expect(await prune(database.pool, retention)).toMatchObject({
      dropped: [dateOf(-33), dateOf(-32), dateOf(-31)],
      kept: [],
      postponed: [],
    });
    const left = await ask<{ ago: number }>(
      database,
      `select (now() at time zone 'UTC')::date - day as ago from posthorn.partition_days() as day where day < now() - interval '5 days'`,
    );
    expect(left.map(({ ago }) => ago)).toEqual([30, 29]);
  });

  it('one goes as soon as its last webhook is as old as the retention, and not before', async () => {
    await database.pool.query(
      `select posthorn.make_partitions((now() at time zone 'UTC')::date - 40)`,
    );
    const [row] = await ask<{ ms: number }>(
      database,
      `select (extract(epoch from now() - ((now() at time zone 'UTC')::date - 39)::timestamp at time zone 'UTC') * 1000)::float8 as ms`,
    );
    const overMs = row?.ms ?? 0;
    expect(await prune(database.pool, { retentionMs: overMs + 600_000 })).toMatchObject({
      dropped: expect.not.arrayContaining([dateOf(-40)]),
    });
    expect(await prune(database.pool, { retentionMs: overMs })).toMatchObject({
      dropped: expect.arrayContaining([dateOf(-40)]),
    });
  });
});

it('of endpoints those go that were deleted a day before the retention and have nothing waiting', async () => {
  await database.pool.query(
    `insert into posthorn.endpoints (url, description, status, status_since)
     select 'http://a.example/', name, status::posthorn.endpoint_status, now() - days * interval '1 day'
     from (values
       ('goes', 'deleted', 31.1), ('deleted for less', 'deleted', 30.9), ('waits', 'deleted', 40),
       ('active', 'active', 400), ('paused', 'paused', 400), ('disabled', 'disabled', 400)
     ) as cases (name, status, days);
     insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     select id, id, lane, 1, now() + interval '1 day' from posthorn.endpoints where description = 'waits'`,
  );
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenEndpoints: 1 });
  const left = await ask(database, 'select description from posthorn.endpoints order by 1');
  expect(left.map(({ description }) => description)).toEqual([
    'active',
    'deleted for less',
    'disabled',
    'paused',
    'waits',
  ]);
});

it('of alerts those go that have been over for the retention', async () => {
  const alert = { rule: 'backlog', severity: 'warning', since: daysAgo(90), fired_at: daysAgo(90) };
  await plant(database, 'alerts', [
    { ...alert, summary: 'on' },
    { ...alert, summary: 'clear for now', subject: '2', clear_since: daysAgo(60) },
    { ...alert, summary: 'over for less', resolved_at: daysAgo(29.9) },
    { ...alert, summary: 'over', resolved_at: daysAgo(30.1) },
  ]);
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenAlerts: 1 });
  expect(await ask(database, 'select summary from posthorn.alerts order by 1')).toEqual([
    { summary: 'clear for now' },
    { summary: 'on' },
    { summary: 'over for less' },
  ]);
});

it('of breakers those go that heard of nothing for a day and have nothing waiting', async () => {
  const old = {
    url: 'http://a.example/',
    failing_since: daysAgo(9),
    last_failure_at: daysAgo(1.1),
  };
  await plant(database, 'breakers', [
    { ...old, key: 1 },
    { ...old, key: 2, state: 'open', open_until: daysAgo(1) },
    { ...old, key: 3, last_failure_at: null },
    { ...old, key: 11 },
    { ...old, key: 12, last_failure_at: daysAgo(0.9) },
    { ...old, key: 13, failing_since: daysAgo(0.9) },
    { ...old, key: 14, throttled_until: daysAgo(0.9) },
    { ...old, key: 15, throttled_until: inS(60) },
  ]);
  await plantQueue(database, [{ n: 1, lane: 11, due_at: inS(9_999) }]);
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenBreakers: 3 });
  expect(await ask(database, 'select key::integer from posthorn.breakers order by 1')).toEqual(
    [11, 12, 13, 14, 15].map((key) => ({ key })),
  );
});

it('of replays those go that ended before the retention, and none that goes on', async () => {
  const replay = { url: 'http://a.example/', created_at: daysAgo(90), moved_at: daysAgo(90) };
  await plant(database, 'replays', [
    { ...replay, matched: 1, status: 'running' },
    { ...replay, matched: 2, status: 'cancelling' },
    { ...replay, matched: 3, status: 'finished', finished_at: daysAgo(29.9) },
    { ...replay, matched: 11, status: 'finished', finished_at: daysAgo(30.1) },
    { ...replay, matched: 12, status: 'cancelled', finished_at: daysAgo(30.1) },
  ]);
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenReplays: 2 });
  expect(await ask(database, 'select matched::integer from posthorn.replays order by 1')).toEqual([
    { matched: 1 },
    { matched: 2 },
    { matched: 3 },
  ]);
});

it('of tallies those go that are more than two hours old', async () => {
  await database.pool.query(
    `insert into posthorn.tallies (id, counted_at, worker, attempts, failures)
     select posthorn.uuid_floor(at), at, minutes, 1, 0
     from (values (119), (121)) as cases (minutes)
     cross join lateral (select now() - minutes * interval '1 minute' as at) as time`,
  );
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenTallies: 1 });
  expect(await ask(database, 'select worker from posthorn.tallies')).toEqual([{ worker: 119 }]);
});

it('of idempotency keys those go that have expired, but for one that somebody has locked', async () => {
  await plant(database, 'idempotency_keys', [
    { tenant: '', key: 'locked', outbox_id: idOf(1), expires_at: inS(-60) },
    { tenant: '', key: 'expired', outbox_id: idOf(2), expires_at: inS(-1) },
    { tenant: '', key: 'in force', outbox_id: idOf(3), expires_at: inS(600) },
  ]);
  const holder = await database.pool.connect();
  await holder.query(
    `begin; select from posthorn.idempotency_keys where key = 'locked' for update`,
  );
  try {
    expect(await prune(database.pool, retention)).toMatchObject({ expiredKeys: 1 });
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  expect(await ask(database, 'select key from posthorn.idempotency_keys order by 1')).toEqual([
    { key: 'in force' },
    { key: 'locked' },
  ]);
});

it("of Graphile's jobs those go that can never run again and are not running", async () => {
  const jobs = `${graphileSchema}._private_jobs`;
  await database.pool.query(
    `select ${graphileSchema}.add_job(name) from unnest(array['dead', 'runs its last time', 'tried', 'fresh']) as name`,
  );
  await database.pool.query(
    `update ${jobs} as j
     set attempts = case t.identifier when 'fresh' then 0 when 'tried' then max_attempts - 1 else max_attempts end,
       locked_at = case t.identifier when 'runs its last time' then now() end
     from ${graphileSchema}._private_tasks as t where t.id = j.task_id`,
  );
  expect(await prune(database.pool, retention)).toMatchObject({ deadJobs: 1 });
  expect(
    await ask(database, `select task_identifier from ${graphileSchema}.jobs order by 1`),
  ).toEqual([
    { task_identifier: 'fresh' },
    { task_identifier: 'runs its last time' },
    { task_identifier: 'tried' },
  ]);
  await database.pool.query(`delete from ${jobs}`);
});

describe('of webhooks that were put back', () => {
  it.each(['former_outcomes', 'brought_forward'])(
    'the rows of %s go with the webhook, and not before',
    async (table) => {
      const [gone, kept, waits, young] = [
        await idOfDay(400, 1),
        await idOfDay(400, 2),
        await idOfDay(400, 3),
        await idOfDay(0, 4),
      ];
      const columns = (id: string) =>
        table === 'former_outcomes'
          ? { outbox_id: id, lane: 1, finished_at: inS(-9), status: 'failed', attempts: 1 }
          : { replay_id: idOf(1), attempts: 1, brought_to: inS(-9) };
      await plant(
        database,
        table,
        [gone, kept, waits, young].map((id) => ({ webhook_id: id, ...columns(id) })),
      );
      // They are an event's, so the outbox has no row of this id.
      const ended = { webhook_id: kept, outbox_id: idOf(9), finished_at: inS(-9) };
      await plant(database, 'outcomes_default', [
        { ...ended, lane: 1, status: 'failed', attempts: 1 },
      ]);
      await plantQueue(database, [{ webhook_id: waits, outbox_id: idOf(9) }]);
      expect(await prune(database.pool, retention)).toMatchObject({ forgottenOutcomes: 1 });
      const left = await ask<{ id: string }>(
        database,
        `select webhook_id as id from posthorn.${table} order by 1`,
      );
      expect(left.map(({ id }) => id)).toEqual([kept, waits, young]);
    },
  );
});

it('of webhooks of dropped days those go that ended before the retention, with all that is there of them', async () => {
  await database.pool.query(
    `update posthorn.history set whole_from = (now() at time zone 'UTC')::date - 30`,
  );
  const ids = {
    goes: await idOfDay(40, 1),
    recent: await idOfDay(40, 2),
    waits: await idOfDay(40, 3),
    young: await idOfDay(20, 4),
  };
  for (const id of Object.values(ids)) {
    await plant(database, 'outbox_default', [{ id, url: 'http://a.example/', body: '' }]);
    await plant(database, 'attempts_default', [{ webhook_id: id, number: 1, worker: 1 }]);
  }
  const outcome = (id: string, days: number) => ({
    ...{ webhook_id: id, outbox_id: id, finished_at: daysAgo(days) },
    ...{ lane: 1, status: 'failed', attempts: 1 },
  });
  await plant(database, 'outcomes_default', [
    outcome(ids.goes, 30.1),
    outcome(ids.recent, 29.9),
    outcome(ids.young, 31),
  ]);
  await plantQueue(database, [{ webhook_id: ids.waits, outbox_id: ids.waits }]);
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenWebhooks: 1 });
  for (const [table, key, left] of [
    ['outbox', 'id', [ids.recent, ids.waits, ids.young]],
    ['attempts', 'webhook_id', [ids.recent, ids.waits, ids.young]],
    ['outcomes', 'webhook_id', [ids.recent, ids.young]],
  ] as const) {
    const rows = await ask<{ id: string }>(
      database,
      `select ${key} as id from posthorn.${table} order by 1`,
    );
    expect(rows.map(({ id }) => id)).toEqual(left);
  }
});

/** The id of a webhook that was enqueued so many days ago. */
async function idOfDay(days: number, n: number): Promise<string> {
  const [row] = await ask<{ time: string }>(
    database,
    `select left(posthorn.uuid_floor(now() - $1 * interval '1 day')::text, 13) as time`,
    [days],
  );
  return `${row?.time}-7000-8000-00000000000${n}`;
}

/** The date that many days from today, UTC. */
function dateOf(ahead: number): string {
  return new Date(Date.now() + ahead * dayS * 1_000).toISOString().slice(0, 10);
}

it('says of each step why it failed, and does the others', async () => {
  const refuse = () => Promise.reject(new Error('gone'));
  const pool = { query: refuse, connect: refuse } as unknown as pg.Pool;
  const steps = [
    'days',
    'webhooks',
    'breakers',
    'idempotency keys',
    'endpoints',
    'alerts',
    'tallies',
  ]
    .concat(['replays', 'former outcomes', 'brought forward'])
    .concat(['subscriptions', 'catch-ups', 'unmatched events', 'dead jobs'])
    .map((step) => `${step}: Error: gone`);
  await expect(prune(pool, retention)).rejects.toMatchObject({
    message: `Cannot prune everything: ${steps.join('; ')}`,
    result: { dropped: [], forgottenOutcomes: 0, deadJobs: 0 },
  });
});
