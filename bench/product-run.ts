import { setTimeout as sleep } from 'node:timers/promises';
import { memoryOf } from '../harness/machine.ts';
import type { RoundDatabase } from '../harness/postgres.ts';
import { type Backlog, evenBacklog } from './backlog.ts';
import type { Bench } from './bench.ts';
import { receiverViolations, standingViolations } from './checks.ts';
import {
  countsBetween,
  isQueueEmpty,
  type Mark,
  type PostgresCounts,
  readCounts,
  readingCosts,
  readMark,
  readSize,
  readSizes,
  readStanding,
} from './counters.ts';
import { ExactCounter, type ExactCounts } from './exact-counts.ts';
import { Fleet } from './fleet.ts';
import { openWindow, type Window } from './window.ts';

/** One drain, by the product or a peer. Everything but rates, times and memory is for all its webhooks together. */
export interface ProductRun {
  readonly webhooks: number;
  readonly perSecond: number;
  readonly insertMs: number;
  /** From the first request at the receiver to the last outcome in Postgres. */
  readonly window: Window;
  /** Of the insert alone. */
  readonly insert: PostgresCounts;
  /** From before the workers start until they are gone. */
  readonly delivery: PostgresCounts;
  readonly bytesOnDisk: Readonly<Record<string, number>>;
  /** By how much the database has grown since before the insert. */
  readonly grownBytes: number;
  /** Of a round that is there to count. */
  readonly exact?: { readonly insert: ExactCounts; readonly delivery: ExactCounts } | undefined;
  /** Peak of all workers, bytes. */
  readonly workerMemory: number | undefined;
  /** Requests for a webhook that had come before. */
  readonly doubles: number;
  readonly violations: readonly string[];
}

/** A drain in a new database. */
export async function runProduct(
  bench: Bench,
  backlog: Backlog = evenBacklog(bench.options),
  { counting = false } = {},
): Promise<ProductRun> {
  await using database = await bench.server.createDatabase();
  return await drainIn(bench, { database, backlog, counting });
}

/** Inserts webhooks while no worker runs, starts the workers and waits until all is recorded. */
export async function drainIn(
  bench: Bench,
  {
    database,
    backlog,
    counting = false,
  }: { database: RoundDatabase; backlog: Backlog; counting?: boolean },
): Promise<ProductRun> {
  const { options, receiver, progress, signal } = bench;
  const { webhooks } = backlog;
  progress.now('product: inserting');
  const counter = counting ? await ExactCounter.open(database) : undefined;
  const emptyBytes = await readSize(database.client);
  const since = await readMark(database.client);
  await counter?.begin();
  const inserted = await insertWebhooks(database, backlog.insert(receiver.port));
  const insertExact = await counter?.next();
  await receiver.reset({ expected: webhooks, delayMs: options.delayMs });
  const before = await readCounts(database.client);
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: options.workers,
    profile: options.profile,
  });
  const drained = drain(bench, { database, pids: fleet.pids, webhooks, since });
  const { window, polls } = await progress.during(fleet.during(drained), async () => {
    const { uniqueIds } = await receiver.counters();
    return `product: ${uniqueIds} of ${webhooks}`;
  });
  const memory = fleet.pids.map((pid) => memoryOf(pid)?.peak);
  await fleet.stop();
  signal.throwIfAborted();
  const counters = await receiver.counters();
  const delivery = countsBetween(before, await readCounts(database.client));
  const deliveryExact = await counter?.next();
  return {
    webhooks,
    perSecond: (webhooks / window.durationMs) * 1_000,
    insertMs: inserted.durationMs,
    window,
    insert: inserted.counts,
    // Our own questions are not the product's.
    delivery: { ...delivery, transactions: delivery.transactions - polls - readingCosts },
    bytesOnDisk: await readSizes(database.client),
    grownBytes: (await readSize(database.client)) - emptyBytes,
    exact: exactOf(insertExact, deliveryExact),
    doubles: counters.requests - counters.uniqueIds,
    workerMemory: memory.reduce((sum = Number.NaN, one = Number.NaN) => sum + one, 0),
    violations: [
      ...receiverViolations(counters, webhooks),
      ...standingViolations(await readStanding(database.client, since), webhooks),
    ],
  };
}

/** Undefined, unless both were counted. The producer's connections are older than the count of their statements. */
export function exactOf(insert: ExactCounts | undefined, delivery: ExactCounts | undefined) {
  if (insert === undefined || delivery === undefined) return undefined;
  return { insert: { ...insert, statements: undefined }, delivery };
}

async function insertWebhooks(
  { client }: RoundDatabase,
  { text, values }: ReturnType<Backlog['insert']>,
) {
  await client.query('checkpoint');
  const before = await readCounts(client);
  const startedMs = performance.now();
  await client.query(text, [...values]);
  const durationMs = performance.now() - startedMs;
  return { durationMs, counts: countsBetween(before, await readCounts(client)) };
}

async function drain(
  { options, server, receiver, signal }: Bench,
  run: { database: RoundDatabase; pids: readonly number[]; webhooks: number; since: Mark },
): Promise<{ window: Window; polls: number }> {
  const { database, pids, webhooks, since } = run;
  const { delayMs } = options;
  const startMs = 30_000;
  const deadlineMs = startMs + webhooks * 5 + (webhooks * delayMs) / 50;
  const all = receiver.event('all', deadlineMs);
  await receiver.event('first', startMs);
  const close = openWindow({
    senders: pids,
    receiver: receiver.pid,
    postmaster: server.postmasterPid,
  });
  await all;
  for (let polls = 1; polls < 1_000; polls += 1) {
    if (await isQueueEmpty(database.client, since)) return { window: close(), polls };
    await sleep(5, undefined, { signal });
  }
  throw new Error('All webhooks arrived, and the queue is not empty');
}
