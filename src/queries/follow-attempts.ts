import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

/** An attempt that has ended, and how long ago. */
const followed = z.object({
  ago_ms: z.number(),
  webhook_id: z.string(),
  number: z.int(),
  finished_at: z.string(),
  duration_ms: z.number().nullable(),
  status_code: z.int().nullable(),
  error: z.string().nullable(),
  url: z.string().nullable(),
});

export type FollowedAttempt = Omit<z.infer<typeof followed>, 'ago_ms'>;

/** The number of pages of each partition at one look, by the suffix of its name. */
type Sizes = ReadonlyMap<string, number>;

interface Look {
  readonly atMs: number;
  readonly sizes: Sizes;
}

/** A look reaches this far back, so that a late look misses nothing. */
const lookBackMs = 60_000;
/**
 * An attempt's row is written when it begins, and it ends within the timeout: its row is among those of the last 90 s.
 */
const reachMs = 90_000;
/** The last pages of a partition that has not grown: the last page may be partly empty and take new rows. */
const fewestPages = 16;
/**
 * Pages read of one partition in one look: some 80,000 attempts. People cannot read faster output, so then only a part
 * is shown.
 */
const maxPages = 2_000;
const maxShown = 1_000;

const sizeRow = z.object({ suffix: z.string(), pages: z.int() });

/**
 * Follows the attempts that end on all workers, without an index or a notification, so it costs the workers nothing.
 *
 * An attempt is inserted once and updated once, on the same page, so the latest ones are at the end of their
 * partitions: the partition of the day on which the webhook was enqueued, or the default one if that day was dropped. A
 * look reads, by page number, the pages that were added to each partition in the last 90 s.
 */
export class AttemptFollower {
  readonly #connection: Pick<CommonQueryMethods, 'any'>;
  readonly #looks: Look[] = [];
  /** The attempts that were shown already, because a look reaches back further than the one before. */
  readonly #seen = new Map<string, number>();

  constructor(connection: Pick<CommonQueryMethods, 'any'>) {
    this.#connection = connection;
  }

  /**
   * Returns the attempts that have ended since the last look, in order. The first look returns those of the last
   * `firstMs`.
   */
  async look({ firstMs }: { readonly firstMs: number }): Promise<FollowedAttempt[]> {
    const isFirst = this.#looks.length === 0;
    const sizes = await this.#sizes();
    const atMs = performance.now();
    while ((this.#looks[0]?.atMs ?? atMs) < atMs - reachMs) this.#looks.shift();
    const before = this.#looks[0]?.sizes;
    this.#looks.push({ atMs, sizes });
    const suffixes = [...sizes.keys()];
    const from = suffixes.map((suffix) => firstPage(sizes.get(suffix) ?? 0, before?.get(suffix)));
    const rows = await this.#connection.any(attemptsFrom({ suffixes, from }));
    const fresh = rows.filter(
      ({ webhook_id, number }) => !this.#seen.has(`${webhook_id}:${number}`),
    );
    for (const { webhook_id, number } of fresh) this.#seen.set(`${webhook_id}:${number}`, atMs);
    for (const [key, seenMs] of this.#seen) if (seenMs < atMs - reachMs) this.#seen.delete(key);
    return fresh
      .filter(({ ago_ms: agoMs }) => !isFirst || agoMs <= firstMs)
      .map(({ ago_ms: _, ...attempt }) => attempt);
  }

  async #sizes(): Promise<Sizes> {
    const rows = await this.#connection.any(sql.type(sizeRow)`
      select
        suffix,
        coalesce(
          pg_relation_size(to_regclass('posthorn.attempts_' || suffix)) / current_setting('block_size')::integer,
          0)::integer as pages
      from (
        select to_char(day, 'YYYYMMDD') as suffix from posthorn.partition_days() as day
        union all
        select 'default'
      ) as partitions`);
    return new Map(rows.map(({ suffix, pages }) => [suffix, pages]));
  }
}

function firstPage(pages: number, before: number | undefined): number {
  const grownFrom = Math.min(before ?? pages, pages);
  return Math.max(0, pages - maxPages, Math.min(grownFrom, pages - fewestPages) - 1);
}

/** The bounds of the id select the partition, and "offset 0" makes the tid known before its pages are read. */
function attemptsFrom(options: {
  readonly suffixes: readonly string[];
  readonly from: readonly number[];
}) {
  const { suffixes, from } = options;
  return sql.type(followed)`
    select
      (extract(epoch from now() - a.finished_at) * 1000)::float8 as ago_ms,
      a.webhook_id,
      a.number,
      a.finished_at,
      case when a.duration_ms < 'infinity' then a.duration_ms end as duration_ms,
      a.status_code,
      a.error,
      (select w.url from posthorn.webhooks as w where w.id = a.webhook_id) as url
    from (
      select latest.*
      from unnest(${sql.array([...suffixes], 'text')}, ${sql.array([...from], 'int4')}) as part (suffix, page)
      cross join (select posthorn.history_floor() as whole_from) as history
      cross join lateral (
        select case when part.suffix <> 'default' then to_date(part.suffix, 'YYYYMMDD')::timestamp end as day
      ) as of_day
      cross join lateral (
        select webhook_id, number, finished_at, duration_ms, status_code, error
        from posthorn.attempts
        where ctid >= format('(%s,0)', part.page)::tid
          and webhook_id >= coalesce(
            posthorn.uuid_floor(of_day.day at time zone 'UTC'),
            '00000000-0000-0000-0000-000000000000')
          and webhook_id < coalesce(
            posthorn.uuid_floor((of_day.day + interval '1 day') at time zone 'UTC'),
            history.whole_from)
          and tableoid = to_regclass('posthorn.attempts_' || part.suffix)
          and finished_at > now() - ${lookBackMs} * interval '1 millisecond'
        offset 0
      ) as latest
      order by latest.finished_at desc
      limit ${maxShown}
    ) as a
    order by a.finished_at`;
}
