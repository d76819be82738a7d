import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { toRfc3339 } from './rfc3339.ts';
import { time } from './shapes.ts';

export const overview = z.object({
  /** Attempts and failures of the last minutes, as counted by the workers, and how many seconds they cover. */
  attempts: z.number(),
  failures: z.number(),
  window_s: z.number(),
  workers: z.array(
    z.object({
      number: z.int(),
      host: z.string(),
      pid: z.int(),
      version: z.string(),
      started_at: time,
    }),
  ),
  alerts: z.array(
    z.object({
      rule: z.string(),
      severity: z.string(),
      summary: z.string().describe('How bad it is now.'),
      fired_at: time,
      clear_since: time
        .nullable()
        .describe('Since when it has been clear; it is resolved if it stays so.'),
    }),
  ),
  breakers: z.array(
    z.object({
      url: z.string(),
      of_origin: z
        .boolean()
        .describe('Nothing at this scheme, host and port answers, so it is of all its endpoints.'),
      failures: z.int(),
      last_error: z.string().nullable(),
      failing_since: time,
      next_probe_at: time.nullable(),
    }),
  ),
});

export type Overview = z.infer<typeof overview>;

const windowS = 300;
/** A worker writes its sums every 15 s. */
const tallyS = 15;
const maxListed = 10;

/** Reads what is going on besides the figures of readStats(), from a few rows of small tables. */
export async function readOverview(connection: Pick<CommonQueryMethods, 'one'>): Promise<Overview> {
  const read = await connection.one(sql.type(overview)`
    select
      (
        select coalesce(sum(t.attempts), 0)::float8
        from posthorn.tallies as t
        where t.endpoint_id is null and t.counted_at > now() - ${windowS} * interval '1 second' and t.counted_at < 'infinity'
      ) as attempts,
      (
        select coalesce(sum(t.failures), 0)::float8
        from posthorn.tallies as t
        where t.endpoint_id is null and t.counted_at > now() - ${windowS} * interval '1 second' and t.counted_at < 'infinity'
      ) as failures,
      (
        select least(
          ${windowS},
          greatest(${tallyS}, extract(epoch from now() - least(
            min(w.started_at),
            -- Of workers that are gone: what they did is in the sums, too.
            (
              select min(t.counted_at) - ${tallyS} * interval '1 second'
              from posthorn.tallies as t
              where t.endpoint_id is null and t.counted_at > now() - ${windowS} * interval '1 second' and t.counted_at < 'infinity'
            )))))::float8
        from posthorn.live_workers as w
      ) as window_s,
      (
        select coalesce(json_agg(json_build_object(
          'number', w.number, 'host', w.host, 'pid', w.pid, 'version', w.version, 'started_at', w.started_at
        ) order by w.number), '[]')
        from posthorn.live_workers as w
      ) as workers,
      (
        select coalesce(json_agg(a), '[]')
        from (
          select rule, severity, summary, fired_at, clear_since
          from posthorn.alerts
          where resolved_at is null and fired_at is not null
          order by severity, fired_at desc
          limit ${maxListed}
        ) as a
      ) as alerts,
      (
        select coalesce(json_agg(b), '[]')
        from (
          select url, key = origin as of_origin, consecutive as failures, last_error, failing_since, open_until as next_probe_at
          from posthorn.breakers
          where state = 'open'
          order by failing_since
          limit ${maxListed}
        ) as b
      ) as breakers`);
  // The pool's parsers do not see times inside JSON.
  return {
    ...read,
    workers: read.workers.map((one) => ({ ...one, started_at: toRfc3339(one.started_at) })),
    alerts: read.alerts.map((one) => ({
      ...one,
      fired_at: toRfc3339(one.fired_at),
      clear_since: one.clear_since && toRfc3339(one.clear_since),
    })),
    breakers: read.breakers.map((one) => ({
      ...one,
      failing_since: toRfc3339(one.failing_since),
      next_probe_at: one.next_probe_at && toRfc3339(one.next_probe_at),
    })),
  };
}
