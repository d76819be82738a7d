import { urlOf } from '../backlog.ts';
import type { Bench } from '../bench.ts';
import { Fleet } from '../fleet.ts';
import type { Mood } from '../receiver.ts';
import { type Figure, figure, type Result, type Section } from '../report.ts';
import { runSteady, type Steady, startProducer } from '../steady.ts';
import { pathOf } from '../traffic.ts';
import { apartViolations, readStandingApart } from './standing-apart.ts';
import { steadyFigures, steadyLine } from './steady-figures.ts';

/** Healthy traffic: alone, beside the same additional load to an endpoint that answers, and to one that hangs. */
interface Round {
  readonly alone: HangRun;
  readonly well: HangRun;
  readonly hanging: HangRun;
}

interface HangRun {
  readonly steady: Steady;
  /** Inserted for the additional endpoint, and how many requests reached it. */
  readonly additional: number;
  readonly requests: number;
  readonly violations: readonly string[];
}

const perSecond = 200;
/** Of the total traffic: what goes to the additional endpoint. */
const share = 0.3;
const additionalPerSecond = (perSecond * share) / (1 - share);
const additionalEndpoint = 1_000_000;
const warmUp = { perSecond, webhooks: 2 * perSecond };

/** Does an endpoint that accepts and never answers cost the others anything? */
export async function runHang(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const alone = await runOne(bench, undefined);
    const well = await runOne(bench, 'well');
    const hanging = await runOne(bench, 'hanging');
    rounds.push({ alone, well, hanging });
    progress.done(
      `hang, round ${number}: alone ${steadyLine(alone.steady)}; beside one that answers ${steadyLine(well.steady)}; ` +
        `beside one that hangs ${steadyLine(hanging.steady)}`,
    );
  }
  return {
    title:
      `${perSecond}/s to ${options.endpoints} endpoints for ${options.seconds} s, and ${Math.round(additionalPerSecond)}/s to one more; ` +
      `POSTHORN_TIMEOUT ${options.timeoutS}s, ${options.workers} worker(s), ${options.rounds} rounds`,
    sections: sectionsOf(rounds),
    violations: rounds.flatMap((round, index) =>
      Object.entries(round).flatMap(([name, { violations }]: [string, HangRun]) =>
        violations.map((violation) => `round ${index + 1}, ${name}: ${violation}`),
      ),
    ),
    runs: rounds,
  };
}

async function runOne(bench: Bench, mood: Mood | undefined): Promise<HangRun> {
  const { options, server, receiver, progress, signal } = bench;
  const { seconds, endpoints, timeoutS } = options;
  progress.now(`hang: ${mood ?? 'alone'}, ${seconds} s`);
  const path = pathOf(additionalEndpoint);
  await using database = await server.createDatabase();
  await receiver.unwatch(path);
  if (mood !== undefined) await receiver.mood(path, mood);
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: options.workers,
    profile: options.profile,
    env: { POSTHORN_TIMEOUT: `${timeoutS}s` },
  });
  await using producer = await startProducer(bench);
  await using other = await startProducer(bench);
  const cast = { database, fleet, producer, endpoints, others: [other.pid] };
  await fleet.ready(database, signal);
  await runSteady(bench, { ...cast, ...warmUp });
  const additional = mood === undefined ? 0 : Math.round(additionalPerSecond * seconds);
  const webhooks = perSecond * seconds;
  const [steady] = await Promise.all([
    runSteady(bench, { ...cast, perSecond, webhooks }),
    additional === 0
      ? undefined
      : other.ask(
          {
            databaseUrl: database.url,
            receiverPort: receiver.port,
            firstEndpoint: additionalEndpoint,
            endpoints: 1,
            perSecond: additionalPerSecond,
            webhooks: additional,
          },
          { signal, withinMs: seconds * 1_000 + 30_000 },
        ),
  ]);
  // Lets the workers go: what still hangs is answered.
  if (mood !== undefined) await receiver.mood(path, 'well');
  await fleet.stop();
  const watched = await receiver.watched(path);
  const standing = await readStandingApart(
    database.client,
    urlOf(receiver.port, additionalEndpoint),
  );
  return {
    steady,
    additional,
    requests: watched.requests,
    violations: [
      ...steady.violations,
      ...apartViolations(standing, {
        ordinary: webhooks + warmUp.webhooks,
        special: additional,
        watched,
      }),
    ],
  };
}

function sectionsOf(rounds: readonly Round[]): Section[] {
  const ratio = (name: string, of: (round: Round) => number): Figure =>
    figure(name, { unit: 'x', digits: 2, runs: rounds, of });
  const p99 = ({ steady }: HangRun) => steady.p99Ms;
  const p50 = ({ steady }: HangRun) => steady.p50Ms;
  return [
    {
      title: 'healthy endpoints alone (A)',
      figures: steadyFigures(rounds.map(({ alone }) => alone.steady)),
    },
    {
      title: 'beside one more that answers (the same load)',
      figures: steadyFigures(rounds.map(({ well }) => well.steady)),
    },
    {
      title: 'beside one more that hangs (B)',
      figures: [
        ...steadyFigures(rounds.map(({ hanging }) => hanging.steady)),
        figure('webhooks for the one that hangs', {
          unit: '',
          runs: rounds,
          of: ({ hanging }) => hanging.additional,
        }),
        figure('requests to it', {
          unit: '',
          runs: rounds,
          of: ({ hanging }) => hanging.requests,
        }),
      ],
    },
    {
      title: 'ratios in the same round',
      figures: [
        ratio('p99, B to A', ({ alone, hanging }) => p99(hanging) / p99(alone)),
        ratio('p50, B to A', ({ alone, hanging }) => p50(hanging) / p50(alone)),
        ratio('p99, B to the same load', ({ well, hanging }) => p99(hanging) / p99(well)),
        ratio('p50, B to the same load', ({ well, hanging }) => p50(hanging) / p50(well)),
      ],
    },
  ];
}
