import type { Bench } from './bench.ts';
import { standingViolations } from './checks.ts';
import { readStanding } from './counters.ts';
import { Fleet } from './fleet.ts';
import { type Figure, figure, type Result, type Section } from './report.ts';
import { runSteady, type Steady, startProducer } from './steady.ts';
import { type LatencyRound, rateSections } from './studies/peers/latency-report.ts';
import { type RateSeries, runPeerRates } from './studies/peers/peer-latency.ts';
import type { PeerName } from './studies/peers/peers.ts';
import { openPeerStage } from './studies/peers/stage.ts';
import type { Window } from './window.ts';

const rates = [10, 100, 500, 1_000] as const;
const warmUp = { perSecond: 100, webhooks: 200 };

/** Webhooks one by one at a steady rate to running workers: how long after its commit does each arrive? */
export async function runLatency(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  await using stage = await openPeerStage(bench);
  const rounds: LatencyRound[] = [];
  const violations: string[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    const product = await runRound(bench);
    progress.done(`round ${round}, Posthorn: ${seriesWords(product)}`);
    violations.push(...product.violations);
    const peers: Partial<Record<PeerName, RateSeries>> = {};
    for (const name of stage.names) {
      const series = await runPeerRates(bench, { name, stage, rates, warmUp });
      progress.done(`round ${round}, ${name}: ${seriesWords(series)}`);
      violations.push(...series.violations);
      peers[name] = series;
    }
    rounds.push({ product: product.runs, peers });
  }
  const runs = rounds.flatMap(({ product }) => product);
  const { names } = stage;
  return {
    title: [
      `Commit to arrival, ${options.seconds} s at each rate, a webhook per transaction, ${options.endpoints} endpoints, ` +
        `${options.workers} worker(s); median, least and most of ${options.rounds} rounds`,
      ...stage.notes,
    ].join('\n'),
    sections: [
      ...rates.map((rate) => sectionOf(runs, rate)),
      ...rates.flatMap((rate) => rateSections({ rounds, names, rate })),
    ],
    violations,
    runs: names.length === 0 ? runs : rounds,
  };
}

function seriesWords({ runs }: RateSeries): string {
  const list = runs.map(({ perSecond, p50Ms, p99Ms, isHeld, behind }) => {
    if (!isHeld) return `${perSecond}/s not held, ${behind} behind at the end`;
    return `${perSecond}/s p50 ${p50Ms.toFixed(1)} p99 ${p99Ms.toFixed(1)} ms`;
  });
  return list.join(', ');
}

async function runRound(bench: Bench): Promise<RateSeries> {
  const { options, server, progress } = bench;
  await using database = await server.createDatabase();
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: options.workers,
    profile: options.profile,
  });
  await using producer = await startProducer(bench);
  const cast = { database, producer, fleet, endpoints: options.endpoints };
  await runSteady(bench, { ...cast, ...warmUp });
  const runs: Steady[] = [];
  for (const perSecond of rates) {
    progress.now(`${perSecond} webhooks a second for ${options.seconds} s`);
    const webhooks = perSecond * options.seconds;
    const run = await runSteady(bench, { ...cast, perSecond, webhooks });
    runs.push(run);
    // The next would only measure what is left of this one.
    if (!run.isHeld) break;
  }
  await fleet.stop();
  const sum = runs.reduce((total, { committed }) => total + committed, warmUp.webhooks);
  return {
    runs,
    violations: [
      ...standingViolations(await readStanding(database.client), sum),
      ...runs.flatMap((run) => run.violations.map((one) => `${run.perSecond}/s: ${one}`)),
    ],
  };
}

function sectionOf(all: readonly Steady[], rate: number): Section {
  const runs = all.filter(({ perSecond }) => perSecond === rate);
  const line = (
    name: string,
    { unit, digits, of }: { unit: string; digits: number; of: (run: Steady) => number },
  ): Figure => figure(name, { unit, digits, runs, of });
  const ms = (name: string, of: (run: Steady) => number) =>
    line(name, { unit: 'ms', digits: 1, of });
  const us = (name: string, of: (window: Window) => number | undefined) =>
    line(name, {
      unit: 'µs',
      digits: 0,
      of: ({ window, webhooks }) => ((of(window) ?? Number.NaN) * 1_000) / webhooks,
    });
  return {
    title: `${rate.toLocaleString('en')} a second`,
    figures: [
      ms('commit to arrival, p50', ({ p50Ms }) => p50Ms),
      ms('commit to arrival, p99', ({ p99Ms }) => p99Ms),
      ms('commit to arrival, max', ({ maxMs }) => maxMs),
      ms('insert to arrival, p50', ({ fromInsertP50Ms }) => fromInsertP50Ms),
      ms('insert to arrival, p99', ({ fromInsertP99Ms }) => fromInsertP99Ms),
      ms('last arrival after the last was due', ({ lateMs }) => lateMs),
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
