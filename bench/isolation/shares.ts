import type { Bench } from '../bench.ts';
import { Fleet } from '../fleet.ts';
import { stopAll } from './beside.ts';
import { type Fairness, fairnessOf } from './fairness.ts';
import type { LoadClient } from './load-client.ts';
import { insertShares, partOf, zipfSizes } from './loads.ts';

export const tenants = 1_000;
/** The tenant with the least work has so many webhooks, and each path gets so many. */
const least = 60;
/** With the start of the worker; long enough for the smallest backlog at 4,000 a second. */
const mostMs = 20_000;

/** A backlog of a thousand tenants by Zipf's law: is each of them served equally, however much it has? */
export async function runShares(bench: Bench, others: LoadClient): Promise<Fairness> {
  const { options, server, progress } = bench;
  progress.now('inserting the backlogs of the tenants');
  const smallest = partOf(least, options.loadPercent);
  const sizes = zipfSizes({ tenants, least: smallest });
  await using database = await server.createDatabase();
  const { text, values } = insertShares(sizes, { port: others.ports.answers, perPath: smallest });
  await database.client.query(text, [...values]);
  await database.client.query('vacuum (analyze) posthorn.queue, posthorn.outbox');
  await others.open(sizes);
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: options.workers,
    profile: options.profile,
  });
  await fleet.during(others.exhausted(mostMs));
  const turns = await others.turns();
  await stopAll({ fleet, others });
  return fairnessOf(turns, sizes);
}
