import pg from 'pg';
import { beforeEach, expect, it } from 'vitest';
import { alertLock, lockClass } from '../../src/db/names.ts';
import { createEvents } from '../../src/events.ts';
import { alertsOf, alertUrl, evaluateHere, toldOf } from '../support/alerts.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { forFile } from '../support/world.ts';

// Two that evaluate at the same time: every alert fires once and resolves once. There is no worker, which is the alert.

const database = forFile(createTestDatabase);

beforeEach(async () => {
  await database.empty();
  await database.pool.query('truncate posthorn.outbox, posthorn.queue');
});

it('ten evaluations at once fire an alert once, and resolve it once', async () => {
  const events = createEvents();
  const heard: string[] = [];
  events.on('alertFired', ({ rule }) => heard.push(`${rule} fired`));
  events.on('alertResolved', ({ rule }) => heard.push(`${rule} resolved`));
  const evaluate = evaluateHere(database, { events });
  const atOnce = () => Promise.all(Array.from({ length: 10 }, () => evaluate()));
  await atOnce();
  await database.pool.query(`update posthorn.alerts set since = since - interval '2 minutes'`);
  await atOnce();
  await atOnce();
  expect(heard).toEqual(['no_worker fired']);
  await using _worker = await workerAlive();
  await atOnce();
  await database.pool.query(`update posthorn.alerts set clear_since = now() - interval '1 hour'`);
  await atOnce();
  expect(heard).toEqual(['no_worker fired', 'no_worker resolved']);
  expect(await toldOf(database, 'no_worker')).toEqual(['fired', 'resolved']);
});

it('while one evaluates another leaves it at that', async () => {
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  await holder.query('select pg_advisory_lock($1, $2)', [lockClass, alertLock]);
  expect(await evaluateHere(database)()).toBeUndefined();
  expect(await alertsOf(database, 'no_worker')).toEqual([]);
  await holder.end();
  await eventually(
    async () => (await evaluateHere(database)()) !== undefined,
    'the lock is free again',
  );
});

it('two that have both found the same tell of it once, whatever became of the lock', async () => {
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await other.query('begin');
  await other.query(
    `insert into posthorn.alerts (rule, severity, summary, step, fired_at)
     values ('partition_missing', 'critical', 'of the other', 1, now())`,
  );
  await database.pool.query(
    `select posthorn.drop_partitions((now() at time zone 'UTC')::date + 1)`,
  );
  const evaluating = evaluateHere(database)();
  // It has read what was committed, and its insert waits for the other's.
  await eventually(async () => {
    const { rows } = await database.pool.query(
      `select from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and query like '%insert into posthorn.alerts%'`,
    );
    return rows.length === 1;
  }, 'the insert waits');
  await other.query('commit');
  await other.end();
  await evaluating;
  expect(await alertsOf(database, 'partition_missing')).toMatchObject([
    { summary: 'of the other' },
  ]);
  expect(await toldOf(database, 'partition_missing')).toEqual([]);
  await database.pool.query(
    `select posthorn.make_partitions((now() at time zone 'UTC')::date + 1)`,
  );
});

it('an alert and the webhook that tells of it are there together or not at all', async () => {
  await database.pool.query(
    `alter table posthorn.alert_watch add constraint none check (evaluated_at is null) not valid`,
  );
  await database.pool.query(
    `select posthorn.drop_partitions((now() at time zone 'UTC')::date + 1)`,
  );
  await expect(evaluateHere(database)()).rejects.toThrow('none');
  expect(await alertsOf(database, 'partition_missing')).toEqual([]);
  expect(await toldOf(database, 'partition_missing')).toEqual([]);
  await database.pool.query('alter table posthorn.alert_watch drop constraint none');
  await evaluateHere(database)();
  expect(await alertsOf(database, 'partition_missing')).toMatchObject([{ state: 'firing' }]);
  expect(await toldOf(database, 'partition_missing')).toEqual(['fired']);
  await database.pool.query(
    `select posthorn.make_partitions((now() at time zone 'UTC')::date + 1)`,
  );
});

it('an address that the outbox refuses costs the message and not the alert', async () => {
  await database.pool.query(
    `select posthorn.drop_partitions((now() at time zone 'UTC')::date + 1)`,
  );
  await database.pool.query(
    `alter table posthorn.outbox add constraint no_alerts check (url <> '${alertUrl}') not valid`,
  );
  await evaluateHere(database)();
  expect(await alertsOf(database, 'partition_missing')).toMatchObject([{ state: 'firing' }]);
  expect(await toldOf(database, 'partition_missing')).toEqual([]);
  await database.pool.query('alter table posthorn.outbox drop constraint no_alerts');
});

/** As a worker does: its number is a lock of its session. */
async function workerAlive(): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('select pg_advisory_lock($1, 8)', [lockClass]);
  await client.query(
    `insert into posthorn.workers (number, host, pid, version) values (8, 'here', 1, '1.2.3')`,
  );
  return {
    [Symbol.asyncDispose]: async () => {
      await client.query('delete from posthorn.workers');
      await client.end();
    },
  };
}
