import { beforeEach, expect, it } from 'vitest';
import { prune } from '../../src/maintenance/prune.ts';
import { createTestDatabase } from '../support/database.ts';
import { ask, clear, plant } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// What the pruning removes of events and their subscriptions: of each kind one row on either side of the line.

const retention = { retentionMs: 30 * 86_400_000 };

const database = forFile(createTestDatabase);

beforeEach(() => clear(database));

it('of subscriptions those go that ended a day before the retention', async () => {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.endpoints (url) values ('http://a.example/') returning id`,
  );
  const endpoint = rows[0]?.id;
  await database.pool.query(
    `insert into posthorn.subscriptions (endpoint_id, event_type)
     select $1, name from unnest(array['goes', 'stays', 'in-force']) as name`,
    [endpoint],
  );
  await database.pool.query(
    `update posthorn.subscriptions set ended_at = now() where event_type <> 'in-force'`,
  );
  await asReplica(
    `update posthorn.subscriptions
     set ended_at = now() - case event_type when 'goes' then 31.1 else 30.9 end * interval '1 day'
     where event_type <> 'in-force'`,
  );
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenSubscriptions: 1 });
  expect(await ask(database, 'select event_type from posthorn.subscriptions order by 1')).toEqual([
    { event_type: 'in-force' },
    { event_type: 'stays' },
  ]);
});

it('of catch-ups those go that ended before the retention, and none that runs', async () => {
  await database.pool.query(`insert into posthorn.endpoints (url) values ('http://a.example/')`);
  await database.pool.query(
    `insert into posthorn.catch_ups (endpoint_id, since, status, read_count, created_at, finished_at)
     select id, now(), c.status::posthorn.catch_up_status, c.name, now() - interval '90 days',
       now() - c.days * interval '1 day'
     from posthorn.endpoints
     cross join (values (1, 'running', null), (2, 'finished', 29.9), (11, 'finished', 30.1), (12, 'cancelled', 30.1))
       as c (name, status, days)`,
  );
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenCatchUps: 2 });
  expect(
    await ask(database, 'select read_count::integer from posthorn.catch_ups order by 1'),
  ).toEqual([{ read_count: 1 }, { read_count: 2 }]);
});

it('the mark of an event that nobody received goes with the event', async () => {
  const [gone, kept, young] = [await idOfDay(400, 1), await idOfDay(400, 2), await idOfDay(0, 3)];
  await plant(
    database,
    'unmatched_events',
    [gone, kept, young].map((id) => ({ event_id: id })),
  );
  await plant(database, 'outbox_default', [{ id: kept, url: 'http://a.example/', body: '' }]);
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenEvents: 1 });
  expect(
    await ask(database, 'select event_id as id from posthorn.unmatched_events order by 1'),
  ).toEqual([{ id: kept }, { id: young }]);
});

/** Runs a statement for which no trigger fires, so that a row can have been changed long ago. */
async function asReplica(statement: string): Promise<void> {
  const table = 'posthorn.subscriptions';
  await database.pool.query(
    `alter table ${table} disable trigger user; ${statement}; alter table ${table} enable trigger user`,
  );
}

/** The id of a webhook that was enqueued so many days ago. */
async function idOfDay(days: number, n: number): Promise<string> {
  const [row] = await ask<{ time: string }>(
    database,
    `select left(posthorn.uuid_floor(now() - $1 * interval '1 day')::text, 13) as time`,
    [days],
  );
  return `${row?.time}-7000-8000-00000000000${n}`;
}
