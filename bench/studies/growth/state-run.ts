import type { RoundDatabase } from '../../../harness/postgres.ts';
import { evenBacklog } from '../../backlog.ts';
import type { Bench } from '../../bench.ts';
import { standingViolations } from '../../checks.ts';
import { readMark, readStanding, readWal } from '../../counters.ts';
import { Fleet } from '../../fleet.ts';
import { drainIn, type ProductRun } from '../../product-run.ts';
import { runSteady, type Steady, startProducer } from '../../steady.ts';
import { steadyRates } from './steady-rates.ts';

/** All figures of one database in one round. */
export interface StateRun {
  readonly drain: ProductRun;
  readonly steady: readonly SteadyRun[];
  readonly violations: readonly string[];
}

export interface SteadyRun extends Steady {
  /** Of inserts and deliveries. */
  readonly walBytes: number;
}

const warmUp = { perSecond: 100, webhooks: 200 };

/** A drain, and then steady traffic at each rate, in a database that may hold other webhooks. */
export async function measureState(
  bench: Bench,
  { database, endpoints }: { database: RoundDatabase; endpoints: number },
): Promise<StateRun> {
  const { options } = bench;
  const backlog = evenBacklog({ webhooks: options.webhooks, endpoints });
  const drain = await drainIn(bench, { database, backlog });
  const { steady, violations } = await runRates(bench, { database, endpoints });
  return {
    drain,
    steady,
    violations: [...drain.violations, ...steady.flatMap((one) => one.violations), ...violations],
  };
}

async function runRates(
  bench: Bench,
  { database, endpoints }: { database: RoundDatabase; endpoints: number },
): Promise<{ steady: SteadyRun[]; violations: readonly string[] }> {
  const { options, progress, signal } = bench;
  const { client } = database;
  const since = await readMark(client);
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: options.workers,
    profile: options.profile,
  });
  await using producer = await startProducer(bench);
  const cast = { database, producer, fleet, endpoints };
  await fleet.ready(database, signal);
  await runSteady(bench, { ...cast, ...warmUp });
  await client.query('checkpoint');
  const steady: SteadyRun[] = [];
  for (const perSecond of steadyRates) {
    progress.now(`${perSecond} webhooks a second for ${options.seconds} s`);
    const wal = await readWal(client);
    const webhooks = perSecond * options.seconds;
    const run = await runSteady(bench, { ...cast, perSecond, webhooks });
    steady.push({ ...run, walBytes: (await readWal(client)) - wal });
  }
  await fleet.stop();
  const sum = steady.reduce((total, { webhooks }) => total + webhooks, warmUp.webhooks);
  return { steady, violations: standingViolations(await readStanding(client, since), sum) };
}
