import { once } from 'node:events';
import pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { spawnPosthorn, spawnWorker } from '../../harness/process.ts';
import { startReceiver } from '../../harness/receiver.ts';
import { startAlertTimer } from '../../src/alerts/alert-timer.ts';
import { createEvents } from '../../src/events.ts';
import {
  alertOptions,
  alertsOf,
  evaluateHere,
  expectFiresOnce,
  expectResolvesOnce,
  toldOf,
} from '../support/alerts.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { forFile } from '../support/world.ts';

// What goes wrong with Posthorn itself, and with nobody at work to tell of it.

const database = forFile(createTestDatabase);

beforeEach(() => database.empty());

describe('a backlog', () => {
  it('fires when enough is due in two evaluations in a row, and resolves when it is worked off', async () => {
    await using receiver = await startReceiver();
    const env = { POSTHORN_ALERT_BACKLOG: '30' };
    const evaluate = evaluateHere(database, { env });
    await enqueue(29, receiver.url);
    await evaluate();
    expect(await alertsOf(database, 'backlog')).toEqual([]);
    await enqueue(1, receiver.url);
    await evaluate();
    expect(await alertsOf(database, 'backlog')).toMatchObject([{ state: 'noticed' }]);
    const alert = await expectFiresOnce(database, { rule: 'backlog', evaluate });
    // The webhook that tells of it is the 31st.
    expect(alert.summary).toMatch(/^3[01] webhooks are due and wait to be sent\.$/);
    await enqueue(10, receiver.url);
    await evaluate();
    const [later] = await alertsOf(database, 'backlog');
    expect(later?.summary).toBe('41 webhooks are due and wait to be sent.');
    expect(later?.detail).toMatchObject({ due: 41 });
    await using _engine = await startEngine(database, { env });
    await receiver.until((requests) => requests.length === 40);
    await eventually(async () => (await countOf('queue')) <= 1, 'they are recorded');
    await expectResolvesOnce(database, { rule: 'backlog', evaluate });
  });

  it('that is gone by the next evaluation is not told of', async () => {
    const evaluate = evaluateHere(database, { env: { POSTHORN_ALERT_BACKLOG: '30' } });
    await enqueue(30);
    await evaluate();
    await database.pool.query('truncate posthorn.queue');
    await evaluate();
    expect(await alertsOf(database, 'backlog')).toEqual([]);
    expect(await toldOf(database, 'backlog')).toEqual([]);
  });

  it('fires when the oldest has been due for long, and names its endpoint', async () => {
    const evaluate = evaluateHere(database);
    await enqueue(3, 'https://slow.example/hook?hidden=1');
    await enqueue(1, 'https://other.example/');
    await evaluate();
    expect(await alertsOf(database, 'backlog_age')).toEqual([]);
    await database.pool.query(
      `update posthorn.queue set due_at = due_at - interval '6 minutes'
       where webhook_id = (select id from posthorn.outbox where url like 'https://slow%' limit 1)`,
    );
    const alert = await expectFiresOnce(database, { rule: 'backlog_age', evaluate });
    expect(alert).toMatchObject({
      severity: 'critical',
      summary: 'The oldest webhook that waits to be sent has been due for 6 minutes.',
    });
    await database.pool.query('truncate posthorn.queue');
    await expectResolvesOnce(database, { rule: 'backlog_age', evaluate });
  });

  it('of an endpoint that asks for a pause again and again is told of once, until it is gone', async () => {
    const url = 'https://busy.example/';
    const env = { POSTHORN_ALERT_BACKLOG: '10', POSTHORN_ALERT_RESOLVE_AFTER: '0s' };
    const evaluate = evaluateHere(database, { env });
    const pauseUntil = (time: string) =>
      database.pool.query(
        `insert into posthorn.breakers (key, url, throttled_until)
         values (posthorn.lane_of($1), $1, ${time})
         on conflict (key) do update set throttled_until = excluded.throttled_until`,
        [url],
      );
    await enqueue(12, url);
    await database.pool.query(`update posthorn.queue set due_at = due_at - interval '6 minutes'`);
    for (const rule of ['backlog', 'backlog_age'])
      await expectFiresOnce(database, { rule, evaluate });
    for (let times = 0; times < 3; times += 1) {
      await pauseUntil(`now() + interval '3 seconds'`);
      await evaluate();
      await evaluate();
      await pauseUntil('null');
      await evaluate();
    }
    for (const rule of ['backlog', 'backlog_age']) {
      expect(await toldOf(database, rule)).toEqual(['fired']);
      expect(await alertsOf(database, rule)).toMatchObject([{ state: 'firing' }]);
    }
    await pauseUntil(`now() + interval '1 hour'`);
    await database.pool.query('truncate posthorn.queue');
    await evaluate();
    await evaluate();
    for (const rule of ['backlog', 'backlog_age']) {
      expect(await toldOf(database, rule)).toEqual(['fired', 'resolved']);
    }
  });

  it('of what is not to be sent now is none', async () => {
    const evaluate = evaluateHere(database, { env: { POSTHORN_ALERT_BACKLOG: '5' } });
    await enqueue(10, 'https://open.example/');
    await enqueue(10, 'https://paused.example/');
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into posthorn.endpoints (url, status) values ('https://held.example/', 'paused') returning id`,
    );
    await database.pool.query(
      `insert into posthorn.outbox (endpoint_id, body) select $1, '{}' from generate_series(1, 10)`,
      [rows[0]?.id],
    );
    await database.pool.query(
      `insert into posthorn.breakers (key, url, state, open_until, throttled_until)
       values
         (posthorn.lane_of('https://open.example/'), 'https://open.example/', 'open', now(), null),
         (posthorn.lane_of('https://paused.example/'), 'https://paused.example/', 'closed', null, now() + interval '1 h')`,
    );
    await database.pool.query(`update posthorn.queue set due_at = due_at - interval '1 hour'`);
    await evaluate();
    expect(await alertsOf(database, 'backlog')).toEqual([]);
    expect(await alertsOf(database, 'backlog_age')).toEqual([]);
    await database.pool.query('delete from posthorn.breakers');
    await evaluate();
    expect(await alertsOf(database, 'backlog')).toMatchObject([{ state: 'noticed' }]);
    expect(await alertsOf(database, 'backlog_age')).toMatchObject([{ state: 'firing' }]);
  });
});

describe('no worker', () => {
  it('alive fires after the last one was killed, and resolves when one works again', async () => {
    const evaluate = evaluateHere(database);
    await using worker = await spawnWorker(database.url);
    await evaluate();
    expect(await alertsOf(database, 'no_worker')).toEqual([]);
    await worker.end('SIGKILL');
    await eventually(async () => (await countOf('live_workers')) === 0, 'its lock is free');
    await evaluate();
    expect(await alertsOf(database, 'no_worker')).toMatchObject([{ state: 'noticed' }]);
    const alert = await expectFiresOnce(database, { rule: 'no_worker', evaluate });
    expect(alert).toMatchObject({ severity: 'critical' });
    await using _another = await spawnWorker(database.url);
    await expectResolvesOnce(database, { rule: 'no_worker', evaluate });
  });

  it('is noticed by the process of the API', async () => {
    await database.pool.query('update posthorn.alert_watch set evaluated_at = null');
    await using api = spawnPosthorn('api', { DATABASE_URL: database.url, PORT: '0' });
    await eventually(
      async () => (await alertsOf(database, 'no_worker'))[0]?.state === 'noticed',
      'the API has evaluated the rules',
    );
    expect(await api.end('SIGTERM')).toBe(0);
  });

  it('is told of by the timer of the API, which keeps quiet while workers evaluate', async () => {
    const events = createEvents();
    const fired = once(events, 'alertFired');
    await evaluateHere(database)();
    const stop = startAlertTimer({
      line: 'direct',
      databaseUrl: database.url,
      alerts: alertOptions(),
      environment: '',
      events,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      everyMs: 10,
    });
    // Somebody has just evaluated: however often it looks, it leaves it at that.
    await database.pool.query(`update posthorn.alerts set since = since - interval '10 minutes'`);
    const before = await evaluatedAt();
    await looked();
    expect(await evaluatedAt()).toEqual(before);
    await database.pool.query(
      `update posthorn.alert_watch set evaluated_at = evaluated_at - interval '91 seconds'`,
    );
    expect(await fired).toMatchObject([{ rule: 'no_worker', event: 'fired' }]);
    await stop();
  });
});

describe('a pinned horizon', () => {
  it('fires when a transaction stays open for long, says whose it is, and resolves with its end', async () => {
    const evaluate = evaluateHere(database);
    await using session = await openTransaction('report-of-somebody');
    await evaluate();
    await evaluate();
    expect(await alertsOf(database, 'pinned_xmin')).toEqual([]);
    await ageHorizon();
    const alert = await expectFiresOnce(database, { rule: 'pinned_xmin', evaluate });
    expect(alert.summary).toMatch(
      /^Vacuum has not been able to remove dead rows for 3\d minutes, .*: the session of process \d+ \(report-of-somebody\) holds them\.$/,
    );
    await session.client.query('rollback');
    await expectResolvesOnce(database, { rule: 'pinned_xmin', evaluate });
  });

  it('that has moved since the last evaluation does not fire', async () => {
    await using _session = await openTransaction('short');
    await database.pool.query(
      `update posthorn.alert_watch set oldest_xmin = '3', oldest_xmin_since = now() - interval '1 day'`,
    );
    await evaluateHere(database)();
    expect(await alertsOf(database, 'pinned_xmin')).toEqual([]);
  });

  it('is laid at the door of the transaction that all others have to wait for', async () => {
    const evaluate = evaluateHere(database);
    await using _first = await openTransaction('first');
    await using _second = await openTransaction('second', { isOldest: false });
    await evaluate();
    await ageHorizon();
    const alert = await expectFiresOnce(database, { rule: 'pinned_xmin', evaluate });
    expect(alert.summary).not.toContain('(second)');
  });
});

it('a missing partition fires with its name, and resolves when it is made', async () => {
  const evaluate = evaluateHere(database);
  await evaluate();
  expect(await alertsOf(database, 'partition_missing')).toEqual([]);
  await database.pool.query(
    `select posthorn.drop_partitions((now() at time zone 'UTC')::date + 1)`,
  );
  const alert = await expectFiresOnce(database, { rule: 'partition_missing', evaluate });
  expect(alert.summary).toMatch(/: attempts_\d{8}, outbox_\d{8}, outcomes_\d{8}\./);
  await database.pool.query(
    `select posthorn.make_partitions((now() at time zone 'UTC')::date + 1)`,
  );
  await expectResolvesOnce(database, { rule: 'partition_missing', evaluate });
});

async function enqueue(count: number, url = 'https://example.com/'): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, body) select $1, '{}' from generate_series(1, $2::integer)`,
    [url, count],
  );
}

/** A session with a snapshot and a name. */
async function openTransaction(
  name: string,
  { isOldest = true } = {},
): Promise<{ client: pg.Client } & AsyncDisposable> {
  const client = new pg.Client({ connectionString: database.url, application_name: name });
  await client.connect();
  // The other files' tests work on the same server: with an older transaction of theirs it would be theirs to blame.
  await eventually(async () => {
    await client.query('begin isolation level repeatable read');
    const { rows } = await client.query<{ is_oldest: boolean }>(
      `select pg_current_xact_id()::xid8 <= pg_snapshot_xmin(pg_current_snapshot()) as is_oldest`,
    );
    if (!isOldest || rows[0]?.is_oldest === true) return true;
    await client.query('rollback');
    return false;
  }, 'no other transaction is older');
  return {
    client,
    [Symbol.asyncDispose]: async () => {
      // Answered when it is over; a session that merely ends may still be on its way out.
      await client.query('rollback');
      await client.end();
    },
  };
}

async function ageHorizon(): Promise<void> {
  await database.pool.query(
    `update posthorn.alert_watch set oldest_xmin_since = oldest_xmin_since - interval '30 minutes'`,
  );
}

async function evaluatedAt(): Promise<unknown> {
  const { rows } = await database.pool.query('select evaluated_at from posthorn.alert_watch');
  return rows[0];
}

/** Waits until the timer has looked twice, which its session's last statement tells. */
async function looked(): Promise<void> {
  const seen = new Set<string>();
  await eventually(async () => {
    const { rows } = await database.pool.query<{ at: string }>(
      `select query_start::text as at from pg_stat_activity
       where application_name = 'posthorn alerts' and datname = current_database()`,
    );
    for (const { at } of rows) seen.add(at);
    return seen.size > 4;
  }, 'the timer looks again and again');
}

async function countOf(relation: 'queue' | 'live_workers'): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    `select count(*)::integer as count from posthorn.${relation}`,
  );
  return rows[0]?.count ?? 0;
}
