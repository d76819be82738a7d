import type { Child } from '../../harness/child.ts';
import type { RoundDatabase } from '../../harness/postgres.ts';
import { smallBacklog, urlOf } from '../backlog.ts';
import type { Bench } from '../bench.ts';
import { clockMs } from '../clock.ts';
import { Fleet } from '../fleet.ts';
import type { ProducerRequest } from '../producer.ts';
import type { Result } from '../report.ts';
import { runSteady, type Steady, startProducer } from '../steady.ts';
import { pathOf } from '../traffic.ts';
import { makeProbeDue, readBreaker, whenOpen } from './breaker-row.ts';
import { type DeadRound, type DeadRun, type DrainRun, deadSections } from './dead-report.ts';
import { notePark, writesSince } from './parked.ts';
import { apartViolations, readStandingApart } from './standing-apart.ts';
import { steadyLine } from './steady-figures.ts';

/*
 * A million due webhooks for an endpoint that answers 500 to everything, and steady traffic to a thousand that are well:
 * alone; while the endpoint is dead; and when it is back and its backlog drains.
 */

interface Cast {
  readonly database: RoundDatabase;
  readonly producer: Child<ProducerRequest>;
  readonly fleet: Fleet;
  readonly endpoints: number;
}

const healthyEndpoints = 1_000;
const workers = 4;
const perSecond = 300;
const warmUp = { perSecond, webhooks: 3 * perSecond };
const deadEndpoint = 1_000_000;
const path = pathOf(deadEndpoint);
const insertAtOnce = 100_000;
/** How long the drain is watched; the rest of the backlog is left. */
const drainSeconds = 30;

export async function runDead(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const rounds: DeadRound[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const alone = await runAlone(bench);
    progress.done(`dead, round ${number}, alone: ${steadyLine(alone.steady)}`);
    rounds.push({ alone, ...(await runBeside(bench)) });
  }
  const backlog = options.backlog.toLocaleString('en');
  return {
    title:
      `${backlog} due webhooks for one dead endpoint, ${perSecond}/s to ${healthyEndpoints} healthy ones for ` +
      `${options.seconds} s, ${workers} workers, ${options.rounds} round(s)`,
    sections: deadSections(rounds),
    violations: rounds.flatMap((round, index) =>
      [...round.alone.violations, ...round.violations].map(
        (violation) => `round ${index + 1}: ${violation}`,
      ),
    ),
    runs: rounds,
  };
}

async function runAlone(bench: Bench): Promise<DeadRound['alone']> {
  const { options, server, receiver, progress } = bench;
  progress.now(`dead: alone, ${options.seconds} s`);
  await receiver.unwatch(path);
  await using database = await server.createDatabase();
  await using fleet = fleetOf(bench, database);
  await using producer = await startProducer(bench);
  const cast = { database, producer, fleet, endpoints: healthyEndpoints };
  await fleet.ready(database, bench.signal);
  await runSteady(bench, { ...cast, ...warmUp });
  await database.client.query('checkpoint');
  const steady = await runTraffic(bench, { cast, seconds: options.seconds });
  await fleet.stop();
  const standing = await readStandingApart(database.client, urlOf(receiver.port, deadEndpoint));
  const wanted = { ordinary: steady.webhooks + warmUp.webhooks, special: 0 };
  return {
    steady,
    violations: [
      ...steady.violations,
      ...apartViolations(standing, { ...wanted, watched: await receiver.watched(path) }),
    ],
  };
}

async function runBeside(bench: Bench): Promise<Omit<DeadRound, 'alone'>> {
  const { options, server, receiver, progress } = bench;
  await receiver.unwatch(path);
  await receiver.mood(path, 'failing');
  await using database = await server.createDatabase();
  const { client } = database;
  await park(bench, database);
  await using fleet = fleetOf(bench, database);
  await using producer = await startProducer(bench);
  const cast = { database, producer, fleet, endpoints: healthyEndpoints };
  await fleet.ready(database, bench.signal);
  await runSteady(bench, { ...cast, ...warmUp });
  const dead = await runWhileDead(bench, cast);
  progress.done(`dead, beside the dead endpoint: ${steadyLine(dead.steady)}`);
  const drain = await runDrainOfBacklog(bench, cast);
  progress.done(
    `dead, while the backlog drains at ${Math.round(drain.perSecond)}/s: ${steadyLine(drain.steady)}`,
  );
  await fleet.stop();
  const watched = await receiver.watched(path);
  const standing = await readStandingApart(client, urlOf(receiver.port, deadEndpoint));
  const accepted = standing.special.delivered;
  return {
    dead,
    drain,
    violations: [
      ...dead.steady.violations,
      ...drain.steady.violations,
      ...apartViolations(standing, {
        ordinary: warmUp.webhooks + dead.steady.webhooks + drain.steady.webhooks,
        special: options.backlog,
        watched,
      }),
      ...(accepted === watched.accepted
        ? []
        : [`delivered to the endpoint that was dead: ${accepted}, must be ${watched.accepted}`]),
      ...(dead.requests <= dead.intervals
        ? []
        : [`requests to the dead endpoint: ${dead.requests} in ${dead.intervals} open intervals`]),
    ],
  };
}

/** The backlog is there before the workers start; loaded in seconds, it is then left as it would be after hours. */
async function park({ options, receiver, progress }: Bench, { client }: RoundDatabase) {
  for (let done = 0; done < options.backlog; done += insertAtOnce) {
    progress.now(`dead: inserting the backlog, ${done} of ${options.backlog}`);
    const webhooks = Math.min(insertAtOnce, options.backlog - done);
    const { text, values } = smallBacklog({ webhooks, endpoint: deadEndpoint }).insert(
      receiver.port,
    );
    await client.query(text, [...values]);
  }
  await client.query('vacuum (analyze) posthorn.queue, posthorn.outbox');
}

async function runWhileDead(bench: Bench, cast: Cast): Promise<DeadRun> {
  const { options, receiver, progress, signal } = bench;
  const { client } = cast.database;
  const url = urlOf(receiver.port, deadEndpoint);
  progress.now('dead: waiting for the breaker to open');
  const opened = await whenOpen(client, { url, signal });
  const before = await receiver.watched(path);
  const openedMs = clockMs();
  await notePark(client, url);
  await client.query('checkpoint');
  progress.now(`dead: beside the dead endpoint, ${options.seconds} s`);
  const steady = await runTraffic(bench, { cast, seconds: options.seconds });
  const writes = await writesSince(client);
  const { requests, times } = await receiver.watched(path);
  const breaker = await readBreaker(client, url);
  return {
    steady,
    writes,
    requestsUntilOpen: before.requests,
    requests: requests - before.requests,
    // An interval that ends opens the next one; a closed breaker has no row.
    intervals: (breaker?.trips ?? 0) - opened.trips,
    requestTimesMs: times.slice(before.requests).map((time) => time - openedMs),
  };
}

async function runDrainOfBacklog(bench: Bench, cast: Cast): Promise<DrainRun> {
  const { receiver, progress } = bench;
  progress.now(`dead: the endpoint is back, ${drainSeconds} s`);
  const url = urlOf(receiver.port, deadEndpoint);
  await receiver.mood(path, 'well');
  const { requests: earlier } = await receiver.watched(path);
  const startedMs = clockMs();
  await makeProbeDue(cast.database.client, url);
  const steady = await runTraffic(bench, { cast, seconds: drainSeconds });
  const times = (await receiver.watched(path)).times.slice(earlier);
  const [first = Number.NaN] = times;
  const last = times.at(-1) ?? Number.NaN;
  return {
    steady,
    drained: times.length,
    perSecond: (times.length / (last - first)) * 1_000,
    firstAfterMs: first - startedMs,
  };
}

function runTraffic(
  bench: Bench,
  { cast, seconds }: { cast: Cast; seconds: number },
): Promise<Steady> {
  return runSteady(bench, { ...cast, perSecond, webhooks: perSecond * seconds });
}

function fleetOf({ options }: Bench, { url }: RoundDatabase): Fleet {
  return new Fleet({ databaseUrl: url, workers, profile: options.profile });
}
