import { setTimeout as sleep } from 'node:timers/promises';
import { memoryOf } from '../../../harness/machine.ts';
import { evenBacklog } from '../../backlog.ts';
import type { Bench } from '../../bench.ts';
import { peerViolations, receiverViolations } from '../../checks.ts';
import { countsBetween, readCounts, readingCosts, readSize } from '../../counters.ts';
import { ExactCounter } from '../../exact-counts.ts';
import { exactOf, type ProductRun } from '../../product-run.ts';
import { openWindow, type Window } from '../../window.ts';
import { PeerFleet } from './peer-fleet.ts';
import { PeerWorld } from './peer-world.ts';
import { drainedWebhooks, type PeerName, peers } from './peers.ts';
import type { PeerStage } from './stage.ts';
import { countFinished } from './tables.ts';

/** One drain by a peer. */
export interface PeerRun extends ProductRun {
  /** Peak of the redis-server since it was started, bytes. */
  readonly redisMemory: number | undefined;
}

interface DrainPlan {
  readonly name: PeerName;
  readonly stage: PeerStage;
  readonly counting?: boolean;
}

/**
 * As the product is measured: webhooks and jobs are there before a worker runs; the time is from the first request to
 * the last row. That its queue notes the end of the last jobs is not waited for.
 */
export async function runPeer(
  bench: Bench,
  { name, stage, counting = false }: DrainPlan,
): Promise<PeerRun> {
  const { options, receiver, progress, signal } = bench;
  const { label } = peers[name];
  const rows = options.peerRows ?? peers[name].rows;
  const webhooks = options.peerWebhooks ?? drainedWebhooks[rows];
  progress.now(`${label}: inserting`);
  await using world = await PeerWorld.open(bench, { stage, name, tunedFor: 'drain' });
  const { client } = world.database;
  const counter = counting ? await ExactCounter.open(world.database) : undefined;
  const emptyBytes = await readSize(client);
  await counter?.begin();
  const inserted = await insert(world, {
    port: receiver.port,
    webhooks,
    endpoints: options.endpoints,
  });
  const insertExact = await counter?.next();
  await receiver.reset({ expected: webhooks, delayMs: options.delayMs });
  await using fleet = await PeerFleet.start(name, { workers: options.workers, signal });
  const before = await readCounts(client);
  const drained = drain(bench, { world, fleet, webhooks });
  const { window, polls } = await progress.during(fleet.during(drained), async () => {
    const { uniqueIds } = await receiver.counters();
    return `${label}: ${uniqueIds} of ${webhooks}`;
  });
  const memory = fleet.pids.map((pid) => memoryOf(pid)?.peak);
  const redisMemory = world.redisPid === undefined ? 0 : memoryOf(world.redisPid)?.peak;
  const troubles = await fleet.stop();
  await fleet[Symbol.asyncDispose]();
  signal.throwIfAborted();
  const counters = await receiver.counters();
  const delivery = countsBetween(before, await readCounts(client));
  const deliveryExact = await counter?.next();
  const grownBytes = (await readSize(client)) - emptyBytes;
  return {
    webhooks,
    perSecond: (webhooks / window.durationMs) * 1_000,
    insertMs: inserted.durationMs,
    window,
    insert: inserted.counts,
    // Our own questions are not the peer's.
    delivery: { ...delivery, transactions: delivery.transactions - polls - readingCosts },
    bytesOnDisk: {},
    grownBytes,
    exact: exactOf(insertExact, deliveryExact),
    doubles: counters.requests - counters.uniqueIds,
    workerMemory: memory.reduce((sum = Number.NaN, one = Number.NaN) => sum + one, 0),
    redisMemory,
    violations: [
      ...troubles,
      ...receiverViolations(counters, webhooks),
      ...peerViolations(await world.readStanding(), { webhooks, delivered: webhooks }),
    ],
  };
}

/** Webhooks and jobs; the producer is gone when this is done. */
async function insert(
  world: PeerWorld,
  { port, webhooks, endpoints }: { port: number; webhooks: number; endpoints: number },
) {
  const { client } = world.database;
  const { text, values } = evenBacklog({ webhooks, endpoints, table: 'webhooks' }).insert(port);
  await client.query('checkpoint');
  const before = await readCounts(client);
  const startedMs = performance.now();
  await client.query(text, [...values]);
  await world.enqueueAll(60_000 + webhooks * 5);
  const durationMs = performance.now() - startedMs;
  await world.closeProducer();
  return { durationMs, counts: countsBetween(before, await readCounts(client)) };
}

async function drain(
  { options, server, receiver, signal }: Bench,
  { world, fleet, webhooks }: { world: PeerWorld; fleet: PeerFleet; webhooks: number },
): Promise<{ window: Window; polls: number }> {
  const { delayMs } = options;
  const startMs = 60_000;
  const deadlineMs = startMs + webhooks * 50 + (webhooks * delayMs) / 20;
  const all = receiver.event('all', deadlineMs);
  const first = receiver.event('first', startMs);
  const begun = fleet.begin(world.site);
  // One of several may send before another is at work.
  await Promise.race([first, begun.then(() => first)]);
  const close = openWindow({
    senders: fleet.pids,
    receiver: receiver.pid,
    postmaster: server.postmasterPid,
    redis: world.redisPid,
  });
  await Promise.all([all, begun]);
  for (let polls = 1; polls < 3_000; polls += 1) {
    if ((await countFinished(world.database.client)) === webhooks)
      return { window: close(), polls };
    await sleep(10, undefined, { signal });
  }
  throw new Error('All webhooks arrived, and not all attempts have ended');
}
