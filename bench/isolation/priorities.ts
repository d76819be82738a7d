import type { RoundDatabase } from '../../harness/postgres.ts';
import { smallBacklog } from '../backlog.ts';
import type { Bench } from '../bench.ts';
import { Fleet } from '../fleet.ts';
import { figure, type Result } from '../report.ts';
import { runSteady, type Steady, startProducer } from '../steady.ts';
import { pathOf } from '../traffic.ts';
import { steadyFigures, steadyLine } from './steady-figures.ts';

interface Round {
  readonly alone: Steady;
  readonly beside: Steady;
  /** Of the backlogs, sent while the traffic of high priority ran. */
  readonly normal: number;
  readonly low: number;
}

const perSecond = 100;
const backlog = 300_000;
const endpointOf = { normal: 1_000_001, low: 1_000_002 } as const;
const warmUp = { perSecond, webhooks: perSecond, priority: 'high' } as const;

/** What arrives with high priority, alone and beside a backlog of normal and one of low priority. */
export async function runPriorities(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const { steady: alone } = await runOne(bench, { hasBacklog: false });
    const { steady: beside, normal, low } = await runOne(bench, { hasBacklog: true });
    rounds.push({ alone, beside, normal, low });
    progress.done(
      `priorities, round ${number}: alone ${steadyLine(alone)}; beside backlogs ${steadyLine(beside)}, ${normal} normal and ${low} low sent`,
    );
  }
  const ratio = (name: string, of: (run: Steady) => number) =>
    figure(name, {
      unit: 'x',
      digits: 2,
      runs: rounds,
      of: ({ alone, beside }) => of(beside) / of(alone),
    });
  return {
    title: `${perSecond}/s of high priority to ${options.endpoints} endpoints for ${options.seconds} s; ${backlog.toLocaleString('en')} normal and as many low webhooks wait, ${options.workers} worker(s), ${options.rounds} rounds`,
    sections: [
      { title: 'high alone (A)', figures: steadyFigures(rounds.map(({ alone }) => alone)) },
      {
        title: 'high beside backlogs of normal and low (B)',
        figures: [
          ...steadyFigures(rounds.map(({ beside }) => beside)),
          ratio('p99, B to A', ({ p99Ms }) => p99Ms),
          ratio('p50, B to A', ({ p50Ms }) => p50Ms),
          figure('normal sent meanwhile', { unit: '', runs: rounds, of: ({ normal }) => normal }),
          figure('low sent meanwhile', { unit: '', runs: rounds, of: ({ low }) => low }),
          figure('low, of both', {
            unit: '%',
            digits: 1,
            runs: rounds,
            of: ({ normal, low }) => (100 * low) / (normal + low),
          }),
        ],
      },
    ],
    violations: rounds.flatMap(({ alone, beside }) => [...alone.violations, ...beside.violations]),
    runs: rounds,
  };
}

async function runOne(
  bench: Bench,
  { hasBacklog }: { hasBacklog: boolean },
): Promise<{ steady: Steady; normal: number; low: number }> {
  const { options, server, receiver, progress, signal } = bench;
  const { seconds, endpoints, workers, profile } = options;
  progress.now(`priorities: high ${hasBacklog ? 'beside backlogs' : 'alone'}, ${seconds} s`);
  await using database = await server.createDatabase();
  for (const endpoint of Object.values(endpointOf)) {
    await receiver.unwatch(pathOf(endpoint));
    await receiver.mood(pathOf(endpoint), 'well');
  }
  if (hasBacklog) await park(bench, database);
  await using fleet = new Fleet({ databaseUrl: database.url, workers, profile });
  await using producer = await startProducer(bench);
  const cast = { database, fleet, producer, endpoints };
  await fleet.ready(database, signal);
  await runSteady(bench, { ...cast, ...warmUp });
  const sent = async (endpoint: number) => (await receiver.watched(pathOf(endpoint))).requests;
  const before = [await sent(endpointOf.normal), await sent(endpointOf.low)] as const;
  const webhooks = perSecond * seconds;
  const steady = await runSteady(bench, { ...cast, perSecond, webhooks, priority: 'high' });
  const normal = (await sent(endpointOf.normal)) - before[0];
  const low = (await sent(endpointOf.low)) - before[1];
  await fleet.stop();
  return { steady, normal, low };
}

async function park({ receiver }: Bench, { client }: RoundDatabase): Promise<void> {
  for (const priority of ['normal', 'low'] as const) {
    const endpoint = endpointOf[priority];
    const { text, values } = smallBacklog({ webhooks: backlog, endpoint, priority }).insert(
      receiver.port,
    );
    await client.query(text, [...values]);
  }
  await client.query('vacuum (analyze) posthorn.queue, posthorn.outbox');
}
