import type { Bench } from './bench.ts';
import { standingViolations } from './checks.ts';
import { readStanding } from './counters.ts';
import { Fleet } from './fleet.ts';
import { type Figure, figure, type Result, type Section } from './report.ts';
import { runSteady, type Steady, startProducer } from './steady.ts';
import type { Window } from './window.ts';

const rates = [10, 100, 500] as const;
const warmUp = { perSecond: 100, webhooks: 200 };

/** Webhooks one by one at a steady rate to a running worker: how long after its commit does each arrive? */
export async function runLatency(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const runs: Steady[] = [];
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

async function runRound(bench: Bench): Promise<{ runs: Steady[]; violations: readonly string[] }> {
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
    runs.push(await runSteady(bench, { ...cast, perSecond, webhooks }));
  }
  await fleet.stop();
  const sum = runs.reduce((total, { webhooks }) => total + webhooks, warmUp.webhooks);
  return { runs, violations: standingViolations(await readStanding(database.client), sum) };
}

function sectionOf(runs: readonly Steady[]): Section {
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
