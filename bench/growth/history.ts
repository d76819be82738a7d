import type pg from 'pg';
import type { Bench } from '../bench.ts';
import type { RoundDatabase } from '../database.ts';
import { type Grown, kept } from './grown.ts';
import { diskFact, fact } from './sizes.ts';

/*
 * A history of finished webhooks, over the 30 days that are kept by default: the partitions alone, then 1 %, 10 % and all
 * of it. Of 100 webhooks one failed after 6 attempts, three took two, and the others one.
 */

const days = 30;
const shares = [0, 0.01, 0.1, 1] as const;
const mostAtOnce = 100_000;

export async function* growHistory(bench: Bench): AsyncGenerator<Grown, void, void> {
  const { options, server, progress } = bench;
  await using database = await server.createDatabase();
  const { client } = database;
  await client.query('set statement_timeout = 0');
  const past = await makeDays(client);
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
  for (const [at, { date, suffix }] of past.entries()) {
    const end = shareOf(to, at);
    for (let done = shareOf(from, at); done < end; done += mostAtOnce) {
      signal.throwIfAborted();
      progress.now(`history: day ${at + 1} of ${past.length}, ${done} to ${end} of ${perDay}`);
      const count = Math.min(mostAtOnce, end - done);
      await client.query(insertSql(suffix), [date, done, count, perDay]);
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

interface Day {
  readonly date: string;
  /** Of its partitions' names. */
  readonly suffix: string;
}

/** Makes the partitions of the past. */
async function makeDays(client: pg.Client): Promise<Day[]> {
  const { rows } = await client.query<Day>(
    `select day::text as date, to_char(day, 'YYYYMMDD') as suffix, posthorn.make_partitions(day)
     from (
       select (now() at time zone 'UTC')::date - ago as day
       from generate_series($1::integer, 1, -1) as ago
     ) as past`,
    [days],
  );
  return rows;
}

/**
 * $1 the day  $2 how many the day has already  $3 how many more  $4 how many it will have
 *
 * Straight into the partitions, where the trigger does not fire. The id is the time and random bits, with the version 7.
 */
function insertSql(day: string): string {
  return `
    with made as materialized (
      select
        n,
        encode(
          set_byte(
            overlay(uuid_send(gen_random_uuid()) placing substring(int8send(ms) from 3) from 1 for 6),
            6, 112 + n % 16),
          'hex')::uuid as id,
        'https://customer-' || n % 1000 || '.example/hooks' as url,
        to_timestamp(ms / 1000.0) as at,
        case when n % 100 = 0 then 6 when n % 100 < 4 then 2 else 1 end as tries,
        n % 100 = 0 as is_failed
      from (
        select
          n,
          (extract(epoch from $1::date::timestamp at time zone 'UTC') * 1000)::bigint
            + floor(86399000 * (n / $4::float8))::bigint as ms
        from generate_series($2::integer, $2::integer + $3::integer - 1) as n
      ) as times
    ),
    said as (
      insert into posthorn.outbox_${day} (id, url, body, created_at)
      select id, url, '{"n":' || n || ',"of":"' || repeat('x', n % 50) || '"}', at
      from made
    ),
    tried as (
      insert into posthorn.attempts_${day}
        (webhook_id, number, worker, started_at, created_at, finished_at, duration_ms, status_code, response_body)
      select
        id, number, 1 + n % 4, at, at, at + interval '20 ms', 20,
        case when number < tries or is_failed then 500 else 200 end, 'ok'
      from made
      cross join generate_series(1, tries) as number
    )
    insert into posthorn.outcomes_${day}
      (webhook_id, outbox_id, lane, finished_at, status, attempts, last_status_code, reason)
    select
      id, id, posthorn.lane_of(url), at + interval '20 ms',
      (case when is_failed then 'failed' else 'delivered' end)::posthorn.webhook_status,
      tries, case when is_failed then 500 else 200 end, case when is_failed then 'http_500' end
    from made`;
}
