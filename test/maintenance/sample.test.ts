import { beforeEach, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

// posthorn.take_sample(): the row a minute that the charts are made of.

const database = forFile(createTestDatabase);

beforeEach(() =>
  database.pool.query('truncate posthorn.samples, posthorn.tallies, posthorn.outcomes'),
);

/** Takes a sample and reads it. */
async function sample(): Promise<Record<string, unknown> | undefined> {
  await database.pool.query('select posthorn.take_sample()');
  const { rows } = await database.pool.query(
    `select attempts, failures, seconds, p50_ms, p95_ms, p99_ms, waiting::integer, due::integer, oldest_due_s
     from posthorn.samples order by taken_at desc limit 1`,
  );
  return rows[0];
}

it('has no times where nothing was delivered', async () => {
  expect(await sample()).toMatchObject({
    ...{ attempts: 0, failures: 0, waiting: 0, due: 0, oldest_due_s: null },
    ...{ p50_ms: null, p95_ms: null, p99_ms: null },
  });
});

it('counts what was tried since the sample before, over all workers and once', async () => {
  await database.pool.query(`
    insert into posthorn.samples (taken_at, attempts, failures, seconds, waiting, due)
    values (now() - interval '30 s', 1, 1, 60, 0, 0);
    insert into posthorn.tallies (counted_at, worker, endpoint_id, attempts, failures)
    values
      (now() - interval '40 s', 1, null, 500, 500),
      (now() - interval '20 s', 1, null, 7, 2),
      (now() - interval '10 s', 2, null, 5, 0),
      (now() - interval '10 s', 2, gen_random_uuid(), 5, 0)`);
  const taken = await sample();
  expect(taken).toMatchObject({ attempts: 12, failures: 2 });
  expect(taken?.['seconds']).toBeGreaterThanOrEqual(30);
  expect(taken?.['seconds']).toBeLessThan(60);
});

it('looks back five minutes at most, after a night without a worker', async () => {
  await database.pool.query(`
    insert into posthorn.samples (taken_at, attempts, failures, seconds, waiting, due)
    values (now() - interval '9 hours', 1, 1, 60, 0, 0);
    insert into posthorn.tallies (counted_at, worker, attempts, failures)
    values (now() - interval '6 minutes', 1, 500, 0), (now() - interval '4 minutes', 1, 3, 0)`);
  const taken = await sample();
  expect(taken).toMatchObject({ attempts: 3 });
  expect(taken?.['seconds']).toBeGreaterThanOrEqual(300);
  expect(taken?.['seconds']).toBeLessThan(330);
});

it('measures from the insert to the end, of what was delivered and not of what failed', async () => {
  await database.pool.query(`
    with enqueued as (
      select overlay(posthorn.uuid_floor(now() - interval '30 s' - n * interval '1 ms')::text placing '7' from 15 for 1)::uuid as id, n
      from generate_series(1, 101) as n
    )
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, finished_at)
    select
      id, id, 1, case when n = 101 then 'failed' else 'delivered' end::posthorn.webhook_status, 1,
      posthorn.uuid_time(id) + case when n = 101 then interval '20 s' else n * interval '10 ms' end
    from enqueued`);
  const taken = await sample();
  expect(taken?.['p50_ms']).toBeCloseTo(505, 0);
  expect(taken?.['p95_ms']).toBeCloseTo(950.5, 0);
  expect(taken?.['p99_ms']).toBeCloseTo(990.1, 0);
});

it('forgets samples after 15 days', async () => {
  await database.pool.query(`
    insert into posthorn.samples (taken_at, attempts, failures, seconds, waiting, due)
    values (now() - interval '15 days 1 minute', 1, 0, 60, 0, 0), (now() - interval '14 days', 2, 0, 60, 0, 0)`);
  await sample();
  const { rows } = await database.pool.query(
    'select attempts from posthorn.samples order by taken_at',
  );
  expect(rows).toEqual([{ attempts: 2 }, { attempts: 0 }]);
});

it('measures what had a send_at from then on', async () => {
  await database.pool.query(`
    with enqueued as (
      insert into posthorn.outbox (url, body, send_at)
      select 'http://127.0.0.1:1/', '{}', now() + interval '50 s'
      from generate_series(1, 3)
      returning id, send_at
    )
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, finished_at)
    select id, id, 1, 'delivered', 1, send_at + interval '200 ms' from enqueued`);
  const taken = await sample();
  await database.pool.query('truncate posthorn.outbox, posthorn.queue');
  expect(taken?.['p50_ms']).toBeCloseTo(200, 0);
});

it.each([
  ['is due all the time for a receiver that asks for a few seconds again and again', '3 s', 1],
  ['is not due when its receiver asked for an hour', '1 h', 0],
])('what waits %s', async (_, pause, due) => {
  await database.pool.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     values (posthorn.uuid_v7(), posthorn.uuid_v7(), 7, 1, now() - interval '5 minutes')`,
  );
  await database.pool.query(
    `insert into posthorn.breakers (key, url, last_failure_at, throttled_until)
     values (7, 'http://127.0.0.1:1/', now(), now() + $1::interval)`,
    [pause],
  );
  await database.pool.query(`update posthorn.stats set taken_at = '-infinity', took_ms = 0`);
  const taken = await sample();
  await database.pool.query('truncate posthorn.breakers, posthorn.queue');
  expect(taken).toMatchObject({ waiting: 1, due });
});
