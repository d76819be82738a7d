import { Child } from '../harness/child.ts';
import type { RoundDatabase } from '../harness/postgres.ts';
import type { Bench } from './bench.ts';
import { receiverViolations } from './checks.ts';
import type { Fleet } from './fleet.ts';
import type { ProducerResult } from './open-loop.ts';
import type { NewHosts, Priority, ProducerRequest } from './producer.ts';
import { percentile } from './statistics.ts';
import { openWindow, type Window } from './window.ts';

/** Traffic at one rate. Times in ms. */
export interface Steady {
  readonly perSecond: number;
  readonly webhooks: number;
  /** How many of them were committed: fewer, when the producer was so late that it gave up. */
  readonly committed: number;
  /** How many of them arrived in time: within 30 s after the last commit, unless the traffic says otherwise. */
  readonly delivered: number;
  /** How many had not arrived when the last one was due to be sent, and how long after that the last one arrived. */
  readonly behind: number;
  readonly lateMs: number;
  /** Whether the rate was held: all arrived, the last one half a second late at most, or 5 % of the time. */
  readonly isHeld: boolean;
  /** From the commit, as its producer sees it, to the request at the receiver. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** From before the insert: the producer's own wait for the commit included. */
  readonly fromInsertP50Ms: number;
  readonly fromInsertP99Ms: number;
  readonly window: Window;
  readonly violations: readonly string[];
}

interface Traffic {
  readonly database: RoundDatabase;
  readonly producer: Pick<Child<ProducerRequest>, 'pid' | 'ask'>;
  readonly fleet: Pick<Fleet, 'pids' | 'during'>;
  readonly endpoints: number;
  readonly perSecond: number;
  readonly webhooks: number;
  readonly priority?: Priority;
  readonly newHosts?: NewHosts;
  readonly areTenants?: boolean;
  /** How long after the last commit an arrival still counts. */
  readonly arrivalPatienceMs?: number;
  /** The redis-server of a peer that has one. */
  readonly redis?: number | undefined;
  /** Processes of ours that work beside, so that they are not taken for noise. */
  readonly others?: readonly number[];
}

const patienceMs = 30_000;

export async function startProducer({ signal }: Bench): Promise<Child<ProducerRequest>> {
  const { child } = await Child.start<ProducerRequest>(new URL('producer.ts', import.meta.url), {
    signal,
    withinMs: 20_000,
  });
  return child;
}

/** Commits webhooks one by one at a fixed rate to a running fleet, and says how long after its commit each arrived. */
export async function runSteady(
  { options, server, receiver, signal }: Bench,
  {
    database,
    producer,
    fleet,
    endpoints,
    perSecond,
    webhooks,
    priority = 'normal',
    newHosts,
    areTenants = false,
    arrivalPatienceMs = patienceMs,
    redis,
    others = [],
  }: Traffic,
): Promise<Steady> {
  const withinMs = (webhooks / perSecond) * 1_000 + patienceMs;
  await receiver.reset({ expected: webhooks, delayMs: options.delayMs });
  // Those that do not arrive are counted below.
  const all = receiver
    .event('all', (webhooks / perSecond) * 1_000 + arrivalPatienceMs)
    .catch(() => {});
  const close = openWindow({
    senders: fleet.pids,
    others: [producer.pid, ...others],
    receiver: receiver.pid,
    postmaster: server.postmasterPid,
    redis,
  });
  const committed = (await fleet.during(
    producer.ask(
      {
        databaseUrl: database.url,
        receiverPort: receiver.port,
        endpoints,
        perSecond,
        webhooks,
        priority,
        areTenants,
        ...(newHosts === undefined ? {} : { newHosts }),
      },
      { signal, withinMs },
    ),
  )) as ProducerResult;
  await fleet.during(all);
  signal.throwIfAborted();
  const window = close();
  const counters = await receiver.counters();
  const arrivals = await receiver.arrivals();
  return {
    perSecond,
    webhooks,
    committed: committed.size,
    delivered: counters.uniqueIds,
    ...punctualityOf(committed, { arrivals, perSecond, webhooks }),
    ...latenciesOf(committed, arrivals),
    window,
    violations: receiverViolations(counters, committed.size),
  };
}

const lateMs = 500;
const lateShare = 0.05;

function punctualityOf(
  committed: ProducerResult,
  plan: { arrivals: ReadonlyMap<string, number>; perSecond: number; webhooks: number },
) {
  const { arrivals, perSecond, webhooks } = plan;
  let startedMs = Number.POSITIVE_INFINITY;
  for (const { sentMs } of committed.values()) startedMs = Math.min(startedMs, sentMs);
  const durationMs = (webhooks / perSecond) * 1_000;
  const dueMs = startedMs + durationMs;
  let inTime = 0;
  let lastMs = dueMs;
  for (const id of committed.keys()) {
    const arrivedMs = arrivals.get(id) ?? Number.POSITIVE_INFINITY;
    if (arrivedMs <= dueMs) inTime += 1;
    lastMs = Math.max(lastMs, arrivedMs);
  }
  if (committed.size < webhooks) lastMs = Number.POSITIVE_INFINITY;
  return {
    behind: webhooks - inTime,
    lateMs: lastMs - dueMs,
    isHeld: lastMs - dueMs <= Math.max(lateMs, lateShare * durationMs),
  };
}

function latenciesOf(committed: ProducerResult, arrivals: ReadonlyMap<string, number>) {
  const fromCommit: number[] = [];
  const fromInsert: number[] = [];
  for (const [id, { sentMs, committedMs }] of committed) {
    const arrivedMs = arrivals.get(id) ?? Number.POSITIVE_INFINITY;
    // The worker may be quicker than the answer to the producer.
    fromCommit.push(Math.max(0, arrivedMs - committedMs));
    fromInsert.push(arrivedMs - sentMs);
  }
  fromCommit.sort((a, b) => a - b);
  fromInsert.sort((a, b) => a - b);
  return {
    p50Ms: percentile(fromCommit, 0.5),
    p99Ms: percentile(fromCommit, 0.99),
    maxMs: fromCommit.at(-1) ?? Number.NaN,
    fromInsertP50Ms: percentile(fromInsert, 0.5),
    fromInsertP99Ms: percentile(fromInsert, 0.99),
  };
}
