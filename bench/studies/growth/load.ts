import type { RoundDatabase } from '../../../harness/postgres.ts';
import type { Bench } from '../../bench.ts';
import { Fleet } from '../../fleet.ts';
import { runSteady, type Steady, startProducer } from '../../steady.ts';

interface Load {
  readonly database: RoundDatabase;
  readonly perSecond: number;
  /** Of one stretch after the other. */
  readonly seconds: readonly number[];
  /** Called after each of them. */
  readonly onDone?: (steady: Steady) => Promise<void>;
}

/** Webhooks come and are delivered for a while, by the same workers and in stretches. */
export async function runLoad(
  bench: Bench,
  { database, perSecond, seconds, onDone = async () => {} }: Load,
): Promise<Steady[]> {
  const { options, signal } = bench;
  const { endpoints, workers, profile } = options;
  await using fleet = new Fleet({ databaseUrl: database.url, workers, profile });
  await using producer = await startProducer(bench);
  await fleet.ready(database, signal);
  const done: Steady[] = [];
  for (const each of seconds) {
    const webhooks = perSecond * each;
    const steady = await runSteady(bench, {
      database,
      producer,
      fleet,
      endpoints,
      perSecond,
      webhooks,
    });
    const [violation] = steady.violations;
    if (violation !== undefined) throw new Error(`While the database grew: ${violation}`);
    done.push(steady);
    await onDone(steady);
  }
  await fleet.stop();
  return done;
}
