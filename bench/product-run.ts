import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { receiverViolations, standingViolations } from './checks.ts';
import {
  countsBetween,
  isQueueEmpty,
  type PostgresCounts,
  readCounts,
  readingCosts,
  readSizes,
  readStanding,
} from './counters.ts';
import type { RoundDatabase } from './database.ts';
import { memoryOf } from './machine.ts';
import { insertSql, pathOf, secretOf } from './traffic.ts';
import { openWindow, type Window } from './window.ts';
import { WorkerProcess } from './worker-process.ts';

/** One drain by the product. Everything but rates, times and memory is for all webhooks of the round together. */
export interface ProductRun {
  readonly perSecond: number;
  readonly insertMs: number;
  /** From the first request at the receiver to the last outcome in Postgres. */
  readonly window: Window;
  /** Of the insert alone. */
  readonly insert: PostgresCounts;
  /** From before the workers start until they are gone. */
  readonly delivery: PostgresCounts;
  readonly bytesOnDisk: Readonly<Record<string, number>>;
  /** Peak of all workers, bytes. */
  readonly workerMemory: number | undefined;
  readonly violations: readonly string[];
}

/** Fills a new database with webhooks while no worker runs, starts the workers and waits until all is recorded. */
export async function runProduct(bench: Bench): Promise<ProductRun> {
  const { options, server, receiver, progress, signal } = bench;
  const { webhooks, workers } = options;
  progress.now('product: inserting');
  await using database = await server.createDatabase();
  const inserted = await insertWebhooks(database, bench);
  await receiver.reset({ expected: webhooks, delayMs: options.delayMs });
  const before = await readCounts(database.client);
  await using stack = new AsyncDisposableStack();
  const processes = Array.from({ length: workers }, () =>
    stack.use(new WorkerProcess({ databaseUrl: database.url, profile: options.profile })),
  );
  const failed = Promise.race(processes.map((worker) => worker.failed));
  const drained = drain(bench, { database, pids: processes.map(({ pid }) => pid) });
  const { window, polls } = await progress
    .during(Promise.race([drained, failed]), async () => {
      const { uniqueIds } = await receiver.counters();
      return `product: ${uniqueIds} of ${webhooks}`;
    })
    .catch((cause: unknown) => {
      const said = processes.map(({ tail }) => tail).join('\n');
      throw new Error(`Cannot drain: ${String(cause)}\nThe workers said:\n${said}`, { cause });
    });
  const memory = processes.map(({ pid }) => memoryOf(pid)?.peak);
  await Promise.all(processes.map((worker) => worker.stop()));
  signal.throwIfAborted();
  const delivery = countsBetween(before, await readCounts(database.client));
  return {
    perSecond: (webhooks / window.durationMs) * 1_000,
    insertMs: inserted.durationMs,
    window,
    insert: inserted.counts,
    // Our own questions are not the product's.
    delivery: { ...delivery, transactions: delivery.transactions - polls - readingCosts },
    bytesOnDisk: await readSizes(database.client),
    workerMemory: memory.reduce((sum = Number.NaN, one = Number.NaN) => sum + one, 0),
    violations: [
      ...receiverViolations(await receiver.counters(), webhooks),
      ...standingViolations(await readStanding(database.client), webhooks),
    ],
  };
}

async function insertWebhooks({ client }: RoundDatabase, { options, receiver }: Bench) {
  const { webhooks, endpoints } = options;
  const numbers = Array.from({ length: endpoints }, (_, endpoint) => endpoint);
  await client.query('checkpoint');
  const before = await readCounts(client);
  const startedMs = performance.now();
  await client.query(insertSql, [
    webhooks,
    numbers.map((endpoint) => `http://127.0.0.1:${receiver.port}${pathOf(endpoint)}`),
    numbers.map(secretOf),
  ]);
  const durationMs = performance.now() - startedMs;
  return { durationMs, counts: countsBetween(before, await readCounts(client)) };
}

async function drain(
  { options, server, receiver, signal }: Bench,
  { database, pids }: { database: RoundDatabase; pids: readonly number[] },
): Promise<{ window: Window; polls: number }> {
  const { webhooks, delayMs } = options;
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
    if (await isQueueEmpty(database.client)) return { window: close(), polls };
    await sleep(5, undefined, { signal });
  }
  throw new Error('All webhooks arrived, and the queue is not empty');
}
