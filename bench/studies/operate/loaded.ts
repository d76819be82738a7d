import pg from 'pg';
import type { RoundDatabase } from '../../../harness/postgres.ts';
import type { Bench } from '../../bench.ts';
import { addToDay, type Day, type Mix, makeDays } from '../growth/history-rows.ts';

/*
 * A database as an operator has it after 40 days without pruning: so many finished webhooks, as many every day, up to
 * now; 5,000 registered endpoints, some of which fail; and some webhooks that wait.
 */

export const days = 40;
const mix: Mix = { endpoints: 5_000, failed: 2 };
const waiting = 20_000;
const mostAtOnce = 50_000;
const connections = 2;
const keptName = 'posthorn_bench_operate';

export interface Loaded extends AsyncDisposable {
  readonly database: RoundDatabase;
  /** Finished webhooks that are there. */
  readonly webhooks: number;
  /** How long it took, s, unless they were there before. */
  readonly loadS: number;
}

/** Makes it, or completes the one that an earlier run has kept and pruned. */
export async function openLoaded(bench: Bench): Promise<Loaded> {
  const { options, server, progress } = bench;
  await using stack = new AsyncDisposableStack();
  const database = stack.use(
    options.keep ? await server.keepDatabase(keptName) : await server.createDatabase(),
  );
  const { client } = database;
  await client.query('set statement_timeout = 0');
  const startedMs = performance.now();
  const perDay = Math.ceil(options.history / days);
  const all = await makeDays(client, { days, until: 0 });
  const missing = await emptyDays(client, all);
  await loadDays(bench, { database, missing, perDay });
  await addPresent(client);
  progress.now('vacuum and checkpoint');
  // As autovacuum leaves it, so that it does not run while figures are taken.
  await client.query('vacuum (analyze)');
  await client.query('checkpoint');
  const { rows } = await client.query<{ webhooks: string }>(
    'select count(*) as webhooks from posthorn.outcomes',
  );
  const loadS = (performance.now() - startedMs) / 1_000;
  const webhooks = Number(rows[0]?.webhooks);
  progress.done(`${webhooks.toLocaleString('en')} finished webhooks, after ${Math.round(loadS)} s`);
  const opened = stack.move();
  return { database, webhooks, loadS, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function emptyDays(client: pg.Client, all: readonly Day[]): Promise<Day[]> {
  const missing: Day[] = [];
  for (const day of all) {
    const { rows } = await client.query(`select from posthorn.outcomes_${day.suffix} limit 1`);
    if (rows.length === 0) missing.push(day);
  }
  return missing;
}

async function loadDays(
  { progress, signal }: Bench,
  work: { database: RoundDatabase; missing: readonly Day[]; perDay: number },
): Promise<void> {
  const { database, missing, perDay } = work;
  const left = [...missing];
  const load = async () => {
    await using client = await connect(database.url);
    for (let day = left.shift(); day !== undefined; day = left.shift()) {
      const end = Math.floor(perDay * passedOf(day));
      for (let done = 0; done < end; done += mostAtOnce) {
        signal.throwIfAborted();
        progress.now(`history: ${missing.length - left.length} of ${missing.length} days`);
        const count = Math.min(mostAtOnce, end - done);
        await addToDay(client.client, { day, mix, done, count, perDay });
      }
    }
  };
  await Promise.all(Array.from({ length: connections }, load));
}

/** How much of the day is over, 0 to 1. */
function passedOf({ date }: Day): number {
  return Math.min(1, (Date.now() - Date.parse(`${date}T00:00:00Z`)) / 86_400_000);
}

async function connect(url: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  // A crash only costs the run.
  await client.query('set synchronous_commit = off');
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

/** What waits, who is registered, and who fails. */
async function addPresent(client: pg.Client): Promise<void> {
  await client.query('truncate posthorn.queue, posthorn.breakers, posthorn.endpoints cascade');
  await client.query(
    `insert into posthorn.endpoints (url, secret)
     select 'https://registered-' || n || '.example/hooks', 'secret' from generate_series(1, $1::integer) as n`,
    [mix.endpoints],
  );
  await client.query(
    `insert into posthorn.outbox (url, body, send_at)
     select 'https://customer-' || n % $1::integer || '.example/hooks', '{}', now() + interval '1 hour' + n * interval '1 second'
     from generate_series(1, $2::integer) as n`,
    [mix.endpoints, waiting],
  );
  await client.query(
    `insert into posthorn.breakers (key, url, state, consecutive, failing_since, last_failure_at, last_error, open_until)
     select lane, url, 'open', 9, now() - interval '2 hours', now(), 'http_503', now() + interval '1 hour'
     from posthorn.endpoints
     order by id
     limit 100`,
  );
}
