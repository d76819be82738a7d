import type { RoundDatabase } from '../../../harness/postgres.ts';
import type { Bench } from '../../bench.ts';
import { type Grown, kept } from './grown.ts';
import { addToDay, type Day, type Mix, makeDays } from './history-rows.ts';
import { diskFact, fact } from './sizes.ts';

/*
 * A history of finished webhooks, over the 30 days that are kept by default: the partitions alone, then 1 %, 10 % and all
 * of it. Of 100 webhooks one failed, after 6 attempts or lately at once, three took two, and the others one.
 */

const days = 30;
const mix: Mix = { endpoints: 1_000, failed: 1 };
const shares = [0, 0.01, 0.1, 1] as const;
const mostAtOnce = 100_000;

export async function* growHistory(bench: Bench): AsyncGenerator<Grown, void, void> {
  const { options, server, progress } = bench;
  await using database = await server.createDatabase();
  const { client } = database;
  await client.query('set statement_timeout = 0');
  const past = await makeDays(client, { days, until: 1 });
  let from = 0;
  for (const share of shares) {
    const size = Math.round(options.history * share);
    const startedMs = performance.now();
    await grow(bench, { database, past, from, to: size });
    from = size;
    const seconds = (performance.now() - startedMs) / 1_000;
    const title = `${size.toLocaleString('en')} finished webhooks over ${days} days`;
    progress.done(`history: ${title} are there, after ${Math.round(seconds)} s`);
    const facts = [fact('made in', seconds, 's'), await diskFact(client)];
    yield {
      title,
      size,
      endpoints: options.endpoints,
      open: kept(database),
      facts: () => facts,
    };
  }
}

/** Every day gets the same number of them, later ones at a later time of the day, as they come in life. */
async function grow(
  { options, progress, signal }: Bench,
  { database, past, from, to }: { database: RoundDatabase; past: readonly Day[] } & Step,
): Promise<void> {
  const { client } = database;
  const perDay = Math.ceil(options.history / past.length);
  for (const [at, day] of past.entries()) {
    const end = shareOf(to, at);
    for (let done = shareOf(from, at); done < end; done += mostAtOnce) {
      signal.throwIfAborted();
      progress.now(`history: day ${at + 1} of ${past.length}, ${done} to ${end} of ${perDay}`);
      const count = Math.min(mostAtOnce, end - done);
      await addToDay(client, { day, mix, done, count, perDay });
    }
  }
  progress.now('history: vacuum and checkpoint');
  // As autovacuum leaves it, so that it does not run while figures are taken.
  await client.query('vacuum (analyze)');
  await client.query('checkpoint');
}

/** Of all, how many the nth day has. */
function shareOf(all: number, day: number): number {
  return Math.floor((all + day) / days);
}

/** What is there, and what is to be. */
interface Step {
  readonly from: number;
  readonly to: number;
}
