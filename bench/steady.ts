import type { Bench } from './bench.ts';
import { receiverViolations } from './checks.ts';
import { Child } from './child.ts';
import type { RoundDatabase } from './database.ts';
import type { Fleet } from './fleet.ts';
import type { Priority, ProducerRequest, ProducerResult } from './producer.ts';
import { percentile } from './statistics.ts';
import { openWindow, type Window } from './window.ts';

/** Traffic at one rate. Times in ms. */
export interface Steady {
  readonly perSecond: number;
  readonly webhooks: number;
  /** How many of them arrived within 30 s after the last commit. */
  readonly delivered: number;
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
  readonly producer: Child<ProducerRequest>;
  readonly fleet: Fleet;
  readonly endpoints: number;
  readonly perSecond: number;
  readonly webhooks: number;
  readonly priority?: Priority;
  /** Processes of ours that work beside, so that they are not taken for noise. */
  readonly others?: readonly number[];
}

const patienceMs = 30_000;

export async function startProducer({ signal }: Bench): Promise<Child<ProducerRequest>> {
  const { child } = await Child.start<ProducerRequest>('producer.ts', {
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
    others = [],
  }: Traffic,
): Promise<Steady> {
  const withinMs = (webhooks / perSecond) * 1_000 + patienceMs;
  await receiver.reset({ expected: webhooks, delayMs: options.delayMs });
  // Those that do not arrive are counted below.
  const all = receiver.event('all', withinMs).catch(() => {});
  const close = openWindow({
    senders: fleet.pids,
    others: [producer.pid, ...others],
    receiver: receiver.pid,
    postmaster: server.postmasterPid,
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
      },
      { signal, withinMs },
    ),
  )) as ProducerResult;
  await fleet.during(all);
  signal.throwIfAborted();
  const window = close();
  const counters = await receiver.counters();
  return {
    perSecond,
    webhooks,
    delivered: counters.uniqueIds,
    ...latenciesOf(committed, await receiver.arrivals()),
    window,
    violations: receiverViolations(counters, webhooks),
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
