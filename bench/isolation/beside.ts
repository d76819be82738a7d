import { setTimeout as sleep } from 'node:timers/promises';
import { memoryOf } from '../../harness/machine.ts';
import type { RoundDatabase } from '../../harness/postgres.ts';
import type { Bench } from '../bench.ts';
import { clockMs } from '../clock.ts';
import { Fleet } from '../fleet.ts';
import { runSteady, type Steady, startProducer } from '../steady.ts';
import type { LoadClient } from './load-client.ts';
import { insertLoad, type Load } from './loads.ts';

/** The traffic of the healthy tenants, alone or beside a load. */
export interface Side {
  readonly steady: Steady;
  /** Of the worker with most memory, the most it ever had. */
  readonly peakBytes: number | undefined;
  readonly load: LoadFigures | undefined;
}

export interface LoadFigures {
  /** Requests for it while the healthy traffic ran, and most connections at once. */
  readonly requests: number;
  readonly mostOpen: number;
  /** Of an old backlog: requests a second without the healthy traffic, and with it. */
  readonly alonePerS: number | undefined;
  readonly besidePerS: number;
}

/** Each has an origin of its own. */
export const healthyTenants = 20;
/** What has not arrived so long after the last commit counts as never. */
const arrivalPatienceMs = 5_000;

/** One run in a database and with processes of its own. */
export async function runBeside(
  bench: Bench,
  { load, others }: { load: Load | undefined; others: LoadClient },
): Promise<Side> {
  const { options, server, signal } = bench;
  await others.open();
  await using database = await server.createDatabase();
  if (load?.isOld === true) await insert(bench, { load, others, database });
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: options.workers,
    profile: options.profile,
  });
  await using producer = await startProducer(bench);
  await fleet.ready(database, signal);
  const traffic = {
    database,
    fleet,
    producer,
    endpoints: healthyTenants,
    areTenants: true,
    perSecond: options.rate,
    arrivalPatienceMs,
    others: [others.pid],
  };
  await runSteady(bench, { ...traffic, webhooks: 2 * options.rate });
  const alonePerS = load?.isOld === true ? await drainRate(bench, { fleet, others }) : undefined;
  if (load !== undefined && load.isOld !== true) await insert(bench, { load, others, database });
  const before = await others.counters();
  const startedMs = clockMs();
  const steady = await runSteady(bench, { ...traffic, webhooks: options.rate * options.seconds });
  const tookS = (clockMs() - startedMs) / 1_000;
  const after = await others.counters();
  const peaks = fleet.pids.map((pid) => memoryOf(pid)?.peak);
  await stopAll({ fleet, others });
  const requests = after.requests - before.requests;
  return {
    steady,
    peakBytes: peaks.includes(undefined) ? undefined : Math.max(...peaks.map(Number)),
    load:
      load === undefined
        ? undefined
        : { requests, mostOpen: after.mostOpen, alonePerS, besidePerS: requests / tookS },
  };
}

async function insert(
  { options, progress }: Bench,
  { load, others, database }: { load: Load; others: LoadClient; database: RoundDatabase },
): Promise<void> {
  progress.now(`inserting the load: ${load.title}`);
  const { text, values } = insertLoad(load, {
    port: others.ports[load.behaviour],
    percent: options.loadPercent,
  });
  await database.client.query(text, [...values]);
  // As autovacuum would have left it in the meantime.
  if (load.isOld === true) {
    await database.client.query('vacuum (analyze) posthorn.queue, posthorn.outbox');
  }
}

/** Requests a second of the load while no one else sends. */
async function drainRate(
  { options, signal }: Bench,
  { fleet, others }: { fleet: Fleet; others: LoadClient },
): Promise<number> {
  const before = await others.counters();
  const startedMs = clockMs();
  await fleet.during(sleep(options.seconds * 1_000, undefined, { signal }));
  const { requests } = await others.counters();
  return ((requests - before.requests) * 1_000) / (clockMs() - startedMs);
}

/** Workers that stop wait for their requests, so those that hang are ended meanwhile. */
export async function stopAll({
  fleet,
  others,
}: {
  fleet: Fleet;
  others: LoadClient;
}): Promise<void> {
  await Promise.all([fleet.stop(), others.letGo()]);
}
