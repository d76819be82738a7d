import type pg from 'pg';

/** A day of the past that has partitions. */
export interface Day {
  readonly date: string;
  /** Of its partitions' names. */
  readonly suffix: string;
}

/** What a history consists of. */
export interface Mix {
  readonly endpoints: number;
  /** Of 100 webhooks. They failed after 6 attempts in 27 hours; those of less than 27 hours ago were refused at once. */
  readonly failed: number;
}

/** Makes the partitions of the past: of `days` days, the last of which was `until` days ago. */
export async function makeDays(
  client: pg.Client,
  { days, until }: { readonly days: number; readonly until: number },
): Promise<Day[]> {
  const { rows } = await client.query<Day>(
    `select day::text as date, to_char(day, 'YYYYMMDD') as suffix, posthorn.make_partitions(day)
     from (
       select (now() at time zone 'UTC')::date - ago as day
       from generate_series($1::integer, $2::integer, -1) as ago
     ) as past`,
    [days + until - 1, until],
  );
  return rows;
}

/** Adds `count` finished webhooks to a day that has `done` of the `perDay` it will have, at a later time of the day. */
export async function addToDay(
  client: pg.Client,
  { day, mix, ...step }: Step & { readonly day: Day; readonly mix: Mix },
): Promise<void> {
  await client.query(insertSql(day.suffix), [
    day.date,
    step.done,
    step.count,
    step.perDay,
    mix.endpoints,
    mix.failed,
  ]);
}

interface Step {
  readonly done: number;
  readonly count: number;
  readonly perDay: number;
}

/**
 * $1 the day  $2 how many the day has already  $3 how many more  $4 how many it will have  $5 endpoints  $6 % that failed
 *
 * Straight into the partitions, where the trigger does not fire. The id is the time and random bits, with the version 7.
 * 3 % took two attempts.
 */
function insertSql(day: string): string {
  return `
    with times as materialized (
      select
        n,
        ms,
        to_timestamp(ms / 1000.0) as at,
        n % 100 < $6::integer as is_failed,
        n % 100 < $6::integer and ms < extract(epoch from now() - interval '27 hours') * 1000 as is_exhausted
      from (
        select
          n,
          (extract(epoch from $1::date::timestamp at time zone 'UTC') * 1000)::bigint
            + floor(86399000 * (n / $4::float8))::bigint as ms
        from generate_series($2::integer, $2::integer + $3::integer - 1) as n
      ) as numbers
    ),
    made as materialized (
      select
        n,
        encode(
          set_byte(
            overlay(uuid_send(gen_random_uuid()) placing substring(int8send(ms) from 3) from 1 for 6),
            6, 112 + n % 16),
          'hex')::uuid as id,
        'https://customer-' || n % $5::integer || '.example/hooks' as url,
        at,
        is_failed,
        case when is_exhausted then 6 when n % 100 < $6::integer + 3 and not is_failed then 2 else 1 end as tries,
        case when is_exhausted then (array['http_500', 'http_503', 'timeout', 'connection_refused'])[1 + n / 100 % 4] else 'http_422' end
          as reason,
        case when is_exhausted then (array[500, 503])[1 + n / 100 % 4] else 422 end as failed_code,
        case when is_exhausted then interval '27 hours' else interval '20 ms' end as took
      from times
    ),
    said as (
      insert into posthorn.outbox_${day} (id, url, body, created_at)
      select id, url, '{"n":' || n || ',"of":"' || repeat('x', n % 50) || '"}', at
      from made
    ),
    tried as (
      insert into posthorn.attempts_${day}
        (webhook_id, number, worker, started_at, created_at, finished_at, duration_ms, status_code, error, response_body)
      select
        id, number, 1 + n % 4, begun, begun, begun + interval '20 ms', (10 + n % 7) * exp(3 * random()),
        case when is_failed then failed_code when number < tries then 500 else 200 end,
        case when is_failed and failed_code is null then reason end,
        'ok'
      from made
      cross join generate_series(1, tries) as number
      cross join lateral (select at + (number - 1) * took / 5 as begun) as time
    )
    insert into posthorn.outcomes_${day}
      (webhook_id, outbox_id, lane, finished_at, status, attempts, last_status_code, reason)
    select
      id, id, posthorn.lane_of(url), at + took + random() * interval '100 ms',
      (case when is_failed then 'failed' else 'delivered' end)::posthorn.webhook_status,
      tries, case when is_failed then failed_code else 200 end, case when is_failed then reason end
    from made`;
}
