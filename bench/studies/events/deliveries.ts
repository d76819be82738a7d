import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { RoundDatabase } from '../../../harness/postgres.ts';
import type { Backlog } from '../../backlog.ts';
import type { Bench } from '../../bench.ts';
import { isQueueEmpty, readMark } from '../../counters.ts';
import { Fleet } from '../../fleet.ts';
import { drainIn, type ProductRun } from '../../product-run.ts';
import { runSteady, type Steady, startProducer } from '../../steady.ts';
import { bodyOf, pathOf } from '../../traffic.ts';
import { registerEndpoints, registerTenants } from './world.ts';

const recipients = 100;

/** Events with 100 recipients each: as many webhooks as the direct sends that are drained in turn with them. */
export async function drainEvents(bench: Bench): Promise<ProductRun> {
  const { options, receiver, server } = bench;
  await using database = await server.createDatabase();
  await registerTenants(database, receiver.port, ['hundred']);
  const events = Math.ceil(options.webhooks / recipients);
  const [opening = '', ending = ''] = bodyOf(0).split('0000000000', 2);
  const backlog: Backlog = {
    webhooks: events * recipients,
    insert: () => ({
      text: `
        insert into posthorn.events (tenant, event_type, body)
        select 'hundred', 'order.paid', $2 || lpad(n::text, 10, '0') || $3
        from generate_series(0, $1::integer - 1) as n`,
      values: [events, opening, ending],
    }),
  };
  return await drainIn(bench, { database, backlog });
}

export interface Deferred {
  /** Of the producer's statement and commit. */
  readonly statementMs: number;
  /** From the commit to the arrival of the last webhook, of 10,000. */
  readonly lastMs: number;
}

/** An event with 10,000 recipients, while a worker waits for work. */
export async function deliverDeferred(bench: Bench): Promise<Deferred> {
  const { receiver, server, options, progress } = bench;
  await using database = await server.createDatabase();
  await registerTenants(database, receiver.port, ['thousands']);
  await receiver.reset({ expected: 10_000, delayMs: 0 });
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: options.workers,
    profile: undefined,
  });
  await fleet.ready(database, bench.signal);
  progress.now('an event with 10,000 recipients');
  const since = await readMark(database.client);
  const startedMs = performance.now();
  await database.client.query(`select posthorn.publish('thousands', 'order.paid', $1)`, [
    bodyOf(0),
  ]);
  const committedMs = performance.now();
  await fleet.during(receiver.event('all', 120_000));
  const lastMs = performance.now() - committedMs;
  while (!(await isQueueEmpty(database.client, since)))
    await new Promise((done) => setTimeout(done, 5));
  await fleet.stop();
  progress.done(
    `10,000 recipients: statement ${(committedMs - startedMs).toFixed(1)} ms, the last after ${Math.round(lastMs)} ms`,
  );
  return { statementMs: committedMs - startedMs, lastMs };
}

export interface Edits {
  readonly published: number;
  readonly edited: number;
  /** Of a publishing statement with its commit: without edits, and with them. */
  readonly quietMs: readonly number[];
  readonly editedMs: readonly number[];
  /** How often a session was seen to wait for a lock of another. */
  readonly waits: number;
}

/** Producers publish as fast as they can, while another session adds and ends subscriptions of the same tenant. */
export async function editUnderLoad(bench: Bench): Promise<Edits> {
  const { server, receiver, progress, signal } = bench;
  await using database = await server.createDatabase();
  await registerTenants(database, receiver.port, ['ten']);
  progress.now('edits of subscriptions under full load');
  const quietMs = await publishFor(database, signal);
  const editing = new AbortController();
  let edited = 0;
  let waits = 0;
  const editor = (async () => {
    await using client = await open(database.url);
    while (!editing.signal.aborted) {
      await client.one.query(`
        begin;
        update posthorn.subscriptions set ended_at = now() where ended_at is null and event_type = 'order.refunded';
        insert into posthorn.subscriptions (endpoint_id, event_type)
        select id, 'order.refunded' from posthorn.endpoints where tenant = 'ten';
        commit`);
      edited += 1;
    }
  })();
  const watch = (async () => {
    await using client = await open(database.url);
    while (!editing.signal.aborted) {
      const { rows } = await client.one.query<{ waits: number }>(
        `select count(*)::integer as waits from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and wait_event <> 'extend'`,
      );
      waits += rows[0]?.waits ?? 0;
    }
  })();
  const editedMs = await publishFor(database, signal);
  editing.abort();
  await Promise.all([editor, watch]);
  progress.done(`edits: ${edited} beside ${editedMs.length} events, ${waits} waits for locks`);
  return { published: editedMs.length, edited, quietMs, editedMs, waits };
}

const producers = 4;

async function publishFor(database: RoundDatabase, signal: AbortSignal): Promise<number[]> {
  const untilMs = performance.now() + 5_000;
  const times: number[] = [];
  const one = async () => {
    await using client = await open(database.url);
    for (let sequence = 0; performance.now() < untilMs; sequence += 1) {
      signal.throwIfAborted();
      const startedMs = performance.now();
      await client.one.query({
        name: 'event',
        text: 'insert into posthorn.events (tenant, event_type, body) values ($1, $2, $3)',
        values: ['ten', 'order.paid', bodyOf(sequence)],
      });
      times.push(performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: producers }, one));
  return times;
}

async function open(url: string): Promise<{ readonly one: pg.Client } & AsyncDisposable> {
  const one = new pg.Client({ connectionString: url });
  await one.connect();
  return { one, [Symbol.asyncDispose]: () => one.end() };
}

export interface CaughtUp {
  readonly alone: Steady;
  /** While an endpoint catches up. */
  readonly beside: Steady;
  /** What it had missed, and what came. */
  readonly missed: number;
  readonly received: number;
}

const catcher = 2_000_000;
const missed = 1_000;

/** Steady traffic alone, and while another tenant's endpoint gets what it missed while it was disabled. */
export async function catchUpBeside(bench: Bench): Promise<CaughtUp> {
  const { receiver, server, options, progress, signal } = bench;
  const path = pathOf(catcher);
  await receiver.mood(path, 'well');
  await using database = await server.createDatabase();
  const { client } = database;
  await registerEndpoints(client, { tenant: 'away', port: receiver.port, from: catcher, count: 1 });
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: options.workers,
    profile: undefined,
  });
  await using producer = await startProducer(bench);
  const cast = { database, producer, fleet, endpoints: options.endpoints, perSecond: 100 };
  await fleet.ready(database, signal);
  await runSteady(bench, { ...cast, webhooks: 300 });
  progress.now('steady traffic alone');
  const alone = await runSteady(bench, { ...cast, webhooks: 1_200 });
  await client.query(`update posthorn.endpoints set status = 'disabled' where tenant = 'away'`);
  await client.query(
    `insert into posthorn.events (tenant, event_type, body)
     select 'away', 'order.paid', $2 from generate_series(1, $1::integer)`,
    [missed, bodyOf(0)],
  );
  progress.now('steady traffic beside an endpoint that catches up');
  await client.query(`update posthorn.endpoints set status = 'active' where tenant = 'away'`);
  const beside = await runSteady(bench, { ...cast, webhooks: 1_200 });
  for (let tries = 0; tries < 600; tries += 1) {
    const { rows } = await client.query<{ isDone: boolean }>(
      `select not exists (select from posthorn.catch_ups where status = 'running')
         and not exists (select from posthorn.queue) as "isDone"`,
    );
    if (rows[0]?.isDone === true) break;
    await sleep(100, undefined, { signal });
  }
  await fleet.stop();
  const { requests: received } = await receiver.watched(path);
  await receiver.unwatch(path);
  progress.done(
    `catching up with ${received} of ${missed}: p99 of others ${alone.p99Ms.toFixed(1)} ms alone, ${beside.p99Ms.toFixed(1)} ms beside`,
  );
  return { alone, beside, missed, received };
}
