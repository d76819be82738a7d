import { beforeAll, beforeEach, expect, it } from 'vitest';
import { spawnWorker } from '../../harness/process.ts';
import { createTestDatabase } from '../support/database.ts';
import { publish, subscriber } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// Real worker processes, killed in the middle of adding webhooks to the queue. Nothing is sent: the endpoints are paused.

const database = forFile(createTestDatabase);

const webhooks = 3_000;
// Any number that Posthorn does not use.
const door = 4_242;

beforeAll(() =>
  database.pool.query(
    `create function public.wait_at_the_door() returns trigger language plpgsql as $$
     begin
       if (select count(*) from posthorn.queue) > ${webhooks / 2} then
         perform pg_advisory_xact_lock_shared(${door});
       end if;
       return null;
     end
     $$;
     create trigger wait_at_the_door after insert on posthorn.queue
     for each statement execute function public.wait_at_the_door()`,
  ),
);

beforeEach(() => database.empty());

it('a worker that is killed while it fans out leaves the rest to another; each recipient has one webhook', async () => {
  await database.pool.query(
    `insert into posthorn.endpoints (tenant, url, status)
     select 'acme', 'http://receiver.example/', 'paused' from generate_series(1, $1)`,
    [webhooks],
  );
  await database.pool.query(
    `insert into posthorn.subscriptions (endpoint_id, event_type) select id, '*' from posthorn.endpoints`,
  );
  await workUntilKilled(() => publish(database.pool));
  expect(await ask(database, 'select from posthorn.fan_outs')).toHaveLength(1);
  await using _successor = await spawnWorker(database.url);
  await eventually(
    async () => (await ask(database, 'select from posthorn.fan_outs')).length === 0,
    'the event is fanned out',
  );
  expect(await queued()).toEqual({ all: webhooks, lanes: webhooks, events: 1 });
});

it('a worker that is killed while an endpoint catches up leaves the rest to another; each event has one webhook', async () => {
  const endpoint = await subscriber(database);
  await endpoint.set({ status: 'disabled' });
  await database.pool.query(
    `insert into posthorn.events (tenant, event_type, body)
     select 'acme', 'order.paid', n::text from generate_series(1, $1::integer) as n`,
    [webhooks],
  );
  await workUntilKilled(() => endpoint.set({ status: 'paused' }));
  expect(await endpoint.row()).toMatchObject({ catching_up: true });
  await using _successor = await spawnWorker(database.url);
  await eventually(
    async () => (await endpoint.row())['catching_up'] === false,
    'the endpoint has caught up',
  );
  expect(await queued()).toEqual({ all: webhooks, lanes: 1, events: webhooks });
});

/** Gives a worker something to do, and kills it when it has added more than half, of which a part is not committed. */
async function workUntilKilled(begin: () => Promise<unknown>): Promise<void> {
  const keeper = await database.pool.connect();
  try {
    await keeper.query('select pg_advisory_lock($1)', [door]);
    await using worker = await spawnWorker(database.url);
    await begin();
    const pid = await eventually(async () => {
      const [waiting] = await ask<{ pid: number }>(
        database,
        `select l.pid
         from pg_locks as l
         join pg_database as d on d.oid = l.database
         where l.locktype = 'advisory' and l.objid = ${door} and not l.granted and d.datname = current_database()`,
      );
      return waiting?.pid;
    }, 'the worker is in the middle of a step');
    await worker.end('SIGKILL');
    // The server would notice only when it answers.
    await keeper.query('select pg_terminate_backend($1, 10000)', [pid]);
    const { all } = await queued();
    expect(all).toBeGreaterThan(0);
    expect(all).toBeLessThan(webhooks);
  } finally {
    keeper.release(true);
  }
}

async function queued(): Promise<{ all: number; lanes: number; events: number }> {
  const [counts] = await ask<{ all: number; lanes: number; events: number }>(
    database,
    `select count(*)::integer as all, count(distinct lane)::integer as lanes, count(distinct outbox_id)::integer as events
     from posthorn.queue`,
  );
  return counts ?? { all: 0, lanes: 0, events: 0 };
}
