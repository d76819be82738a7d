import { beforeEach, expect, it } from 'vitest';
import { startReceiver } from '../../harness/receiver.ts';
import { graphileSchema } from '../../src/db/names.ts';
import { createLog } from '../../src/log.ts';
import { watchClock } from '../../src/maintenance/clock.ts';
import { evaluateHere } from '../support/alerts.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { forFile } from '../support/world.ts';

// The clock of the database is set back by two hours. A test cannot do that: it puts what was written by the old clock two hours ahead.

const database = forFile(createTestDatabase);

beforeEach(async () => {
  await database.empty();
  // A worker of an earlier test has taken some at the turn of a minute.
  await database.pool.query('truncate posthorn.samples');
  await database.pool.query('update posthorn.clock set seen_at = clock_timestamp()');
});

const setBack = () =>
  database.pool.query(`update posthorn.clock set seen_at = clock_timestamp() + interval '2 hours'`);

async function watch(): Promise<number | null> {
  const { rows } = await database.pool.query<{ step_s: number | null }>(
    'select extract(epoch from posthorn.watch_clock())::float8 as step_s',
  );
  return rows[0]?.step_s ?? null;
}

it('a clock that goes on, or is set forward, heals nothing; one step is healed once', async () => {
  expect(await watch()).toBeNull();
  await database.pool.query(
    `update posthorn.clock set seen_at = clock_timestamp() - interval '1 day'`,
  );
  expect(await watch()).toBeNull();
  await setBack();
  const steps = await Promise.all([1, 2, 3, 4].map(() => watch()));
  const healed = steps.filter((step) => step !== null);
  expect(healed).toHaveLength(1);
  expect(healed[0]).toBeGreaterThan(7_190);
  expect(healed[0]).toBeLessThanOrEqual(7_200);
});

it('webhooks that were due are sent, by a worker that was there all along', async () => {
  await using receiver = await startReceiver();
  await using _worker = await startEngine(database);
  await database.pool.query(
    `insert into posthorn.outbox (url, body, send_at) values ($1, '{}', now() + interval '1 hour')`,
    [`${receiver.url}/due`],
  );
  await database.pool.query(
    `update posthorn.queue set due_at = clock_timestamp() + interval '119 minutes'`,
  );
  await setBack();
  await receiver.until((requests) => requests.length === 1);
});

it('what waits for a time waits for as much less, but not for a send_at, nor a retry scheduled since', async () => {
  await database.pool.query(
    `with cases (name, send_in, attempts, due_in, ended_in) as (values
       ('fresh', null, 0, '110 minutes', null),
       ('send_at', '30 minutes', 0, '30 minutes', null),
       ('retry', null, 1, '130 minutes', '110 minutes'),
       ('retried since', null, 1, '10 minutes', '-1 second'),
       ('being sent', null, 1, '100 minutes', null)),
     said as (
       insert into posthorn.outbox_default (id, url, body, send_at)
       select
         overlay((posthorn.uuid_floor('2020-01-01'))::text placing substring(posthorn.uuid_v7()::text from 15) from 15)::uuid,
         'http://a.example/', name, now() + send_in::interval
       from cases
       returning id, body, send_at
     ),
     tried as (
       insert into posthorn.attempts_default (webhook_id, number, worker, finished_at)
       select id, 1, 1, now() + ended_in::interval from said join cases on name = body where attempts = 1
     )
     insert into posthorn.queue (webhook_id, outbox_id, lane, priority, attempts, due_at, lease_until)
     select id, id, 1, 1, attempts, coalesce(send_at, now() + due_in::interval),
       case when name = 'being sent' then now() + interval '122 minutes' end
     from said join cases on name = body`,
  );
  await setBack();
  await watch();
  const { rows } = await database.pool.query<{ body: string; due: number; lease: number | null }>(
    `select body, round(extract(epoch from due_at - now()) / 60)::integer as due,
       round(extract(epoch from lease_until - now()) / 60)::integer as lease
     from posthorn.queue join posthorn.outbox as o on o.id = outbox_id`,
  );
  expect(Object.fromEntries(rows.map(({ body, due, lease }) => [body, [due, lease]]))).toEqual({
    fresh: [-10, null],
    send_at: [30, null],
    retry: [10, null],
    'retried since': [10, null],
    'being sent': [100, 2],
  });
});

it('endpoints, replays, workers and jobs do not wait until the clock has caught up', async () => {
  await database.pool.query(
    `insert into posthorn.breakers (key, url, state, failing_since, last_failure_at, open_until, throttled_until)
     values
       (1, 'http://a.example/', 'open', now() + interval '1 hour', now() + interval '119 minutes', now() + interval '125 minutes', null),
       (2, 'http://b.example/', 'open', now() - interval '1 hour', now() - interval '1 minute', now() + interval '5 minutes', null);
     insert into posthorn.lane_rules (lane, is_held, is_ordered, retry_at) values (3, false, true, now() + interval '121 minutes');
     insert into posthorn.replays (url, rate_limit_per_s, moved_at, paced_until)
     values ('http://a.example/', 1, now() + interval '119 minutes', now() + interval '121 minutes');
     insert into posthorn.workers (number, host, pid, version, seen_at) values (9, 'here', 1, '1', now() + interval '2 hours');
     insert into posthorn.tallies (counted_at, worker, attempts, failures) values (now() + interval '1 hour', 1, 9, 9);
     insert into posthorn.samples (taken_at, attempts, failures, seconds, waiting, due)
     values (now() + interval '1 hour', 1, 1, 60, 0, 0);
     select ${graphileSchema}.add_job('deliver:9', run_at => now() + interval '119 minutes');
     select ${graphileSchema}.add_job('later', run_at => now() + interval '3 hours');
     insert into ${graphileSchema}._private_known_crontabs (identifier, known_since, last_execution)
     values ('one', now(), now() + interval '119 minutes')`,
  );
  await setBack();
  await watch();
  const { rows } = await database.pool.query(
    `select
       (select array_agg(round(extract(epoch from open_until - now()) / 60)::integer order by key) from posthorn.breakers) as open,
       (select max(failing_since) <= clock_timestamp() and bool_and(probe_until is null) from posthorn.breakers) as fails,
       (select round(extract(epoch from retry_at - now()) / 60)::integer from posthorn.lane_rules) as retry,
       (select array[moved_at <= clock_timestamp(), paced_until < now() + interval '2 minutes'] from posthorn.replays) as replay,
       (select seen_at <= clock_timestamp() and egress_down_since is null from posthorn.workers) as seen,
       (select count(*)::integer from posthorn.tallies) + (select count(*)::integer from posthorn.samples) as counted,
       (select array_agg(run_at <= clock_timestamp() order by run_at) from ${graphileSchema}._private_jobs) as jobs,
       (select last_execution <= clock_timestamp() from ${graphileSchema}._private_known_crontabs where identifier = 'one') as cron`,
  );
  expect(rows).toEqual([
    {
      ...{ open: [5, 5], fails: true, retry: 1, replay: [true, true], seen: true, counted: 0 },
      ...{ jobs: [true, false], cron: true },
    },
  ]);
  await database.pool.query(
    `truncate posthorn.workers, posthorn.samples; delete from ${graphileSchema}._private_jobs`,
  );
});

it('alerts are evaluated and figures counted at once', async () => {
  await database.pool.query(
    `update posthorn.alert_watch set evaluated_at = now() + interval '2 hours';
     update posthorn.stats set taken_at = now() + interval '2 hours', figures = '{"queue": []}'`,
  );
  expect(await evaluateHere(database)()).toBeDefined();
  const { rows } = await database.pool.query(
    `select taken_at <= clock_timestamp() as fresh, figures ? 'lanes' as counted from posthorn.take_stats('1 day')`,
  );
  expect(rows).toEqual([{ fresh: true, counted: true }]);
});

it('the log says so', async () => {
  const said: object[] = [];
  const log = { ...createLog('silent'), warn: (fields: object) => void said.push(fields) };
  await watchClock(database.pool, log);
  await setBack();
  await watchClock(database.pool, log);
  expect(said).toEqual([{ stepS: 7_200 }]);
});
