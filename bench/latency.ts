import type { Bench } from './bench.ts';
import { receiverViolations, standingViolations } from './checks.ts';
import { Child } from './child.ts';
import { readStanding } from './counters.ts';
import type { RoundDatabase } from './database.ts';
import type { ProducerRequest, ProducerResult } from './producer.ts';
import type { Figure, Result, Section } from './report.ts';
import { percentile, spreadOf } from './statistics.ts';
import { openWindow, type Window } from './window.ts';
import { WorkerProcess } from './worker-process.ts';

/** One rate of one round. Times in ms. */
interface LatencyRun {
  readonly perSecond: number;
  readonly webhooks: number;
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

const rates = [10, 100, 500] as const;
const warmUp = { perSecond: 100, webhooks: 200 };

/** Webhooks one by one at a steady rate to a running worker: how long after its commit does each arrive? */
export async function runLatency(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const runs: LatencyRun[] = [];
  const violations: string[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    const ofRound = await runRound(bench);
    runs.push(...ofRound.runs);
    violations.push(
      ...ofRound.violations,
      ...ofRound.runs.flatMap((run) => run.violations.map((one) => `${run.perSecond}/s: ${one}`)),
    );
    const list = ofRound.runs.map(({ perSecond, p50Ms, p99Ms }) => {
      return `${perSecond}/s p50 ${p50Ms.toFixed(1)} p99 ${p99Ms.toFixed(1)} ms`;
    });
    progress.done(`round ${round}: ${list.join(', ')}`);
  }
  return {
    title:
      `Commit to arrival, ${options.seconds} s at each rate, a webhook per transaction, ${options.endpoints} endpoints, ` +
      `${options.workers} worker(s); median, least and most of ${options.rounds} rounds`,
    sections: rates.map((rate) => sectionOf(runs.filter(({ perSecond }) => perSecond === rate))),
    violations,
    runs,
  };
}

async function runRound(
  bench: Bench,
): Promise<{ runs: LatencyRun[]; violations: readonly string[] }> {
  const { options, server, signal, progress } = bench;
  await using database = await server.createDatabase();
  await using stack = new AsyncDisposableStack();
  const workers = Array.from({ length: options.workers }, () =>
    stack.use(new WorkerProcess({ databaseUrl: database.url, profile: options.profile })),
  );
  const { child: producer } = await Child.start<ProducerRequest>('producer.ts', {
    signal,
    withinMs: 20_000,
  });
  stack.use(producer);
  const cast = { database, producer, workers };
  await runRate(bench, { ...cast, ...warmUp });
  const runs: LatencyRun[] = [];
  for (const perSecond of rates) {
    progress.now(`${perSecond} webhooks a second for ${options.seconds} s`);
    runs.push(await runRate(bench, { ...cast, perSecond, webhooks: perSecond * options.seconds }));
  }
  await Promise.all(workers.map((worker) => worker.stop()));
  const sum = runs.reduce((total, { webhooks }) => total + webhooks, warmUp.webhooks);
  return { runs, violations: standingViolations(await readStanding(database.client), sum) };
}

async function runRate(
  { options, server, receiver, signal }: Bench,
  run: {
    readonly database: RoundDatabase;
    readonly producer: Child<ProducerRequest>;
    readonly workers: readonly WorkerProcess[];
    readonly perSecond: number;
    readonly webhooks: number;
  },
): Promise<LatencyRun> {
  const { database, producer, workers, perSecond, webhooks } = run;
  const withinMs = (webhooks / perSecond) * 1_000 + 30_000;
  await receiver.reset({ expected: webhooks, delayMs: options.delayMs });
  const all = receiver.event('all', withinMs);
  const close = openWindow({
    senders: workers.map(({ pid }) => pid),
    others: [producer.pid, receiver.pid],
    receiver: receiver.pid,
    postmaster: server.postmasterPid,
  });
  const failed = Promise.race(workers.map((worker) => worker.failed));
  const committed = (await Promise.race([
    producer.ask(
      {
        databaseUrl: database.url,
        receiverPort: receiver.port,
        endpoints: options.endpoints,
        perSecond,
        webhooks,
      },
      { signal, withinMs },
    ),
    failed,
  ])) as ProducerResult;
  await Promise.race([all, failed]);
  const window = close();
  const violations = receiverViolations(await receiver.counters(), webhooks);
  const latencies = latenciesOf(committed, await receiver.arrivals());
  return { perSecond, webhooks, ...latencies, window, violations };
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

function sectionOf(runs: readonly LatencyRun[]): Section {
  const line = (
    name: string,
    { unit, digits, of }: { unit: string; digits: number; of: (run: LatencyRun) => number },
  ): Figure => ({ name, unit, digits, spread: spreadOf(runs.map(of)) });
  const ms = (name: string, of: (run: LatencyRun) => number) =>
    line(name, { unit: 'ms', digits: 1, of });
  const us = (name: string, of: (window: Window) => number | undefined) =>
    line(name, {
      unit: 'µs',
      digits: 0,
      of: ({ window, webhooks }) => ((of(window) ?? Number.NaN) * 1_000) / webhooks,
    });
  return {
    title: `${runs[0]?.perSecond} a second`,
    figures: [
      ms('commit to arrival, p50', ({ p50Ms }) => p50Ms),
      ms('commit to arrival, p99', ({ p99Ms }) => p99Ms),
      ms('commit to arrival, max', ({ maxMs }) => maxMs),
      ms('insert to arrival, p50', ({ fromInsertP50Ms }) => fromInsertP50Ms),
      ms('insert to arrival, p99', ({ fromInsertP99Ms }) => fromInsertP99Ms),
      us('CPU per webhook, workers', ({ senderCpuMs }) => senderCpuMs),
      us('CPU per webhook, Postgres', ({ postgresCpuMs }) => postgresCpuMs),
      line('noise: other programs and steal', {
        unit: '%',
        digits: 1,
        of: ({ window }) => 100 * ((window.foreign ?? 0) + (window.stolen ?? 0)),
      }),
    ],
  };
}
