import { z } from 'zod';
import type { Look } from '../look.ts';

const partitionRow = z.object({ day: z.string(), ahead: z.int(), missing: z.array(z.string()) });

/** A day that should have partitions, as yyyy-mm-dd, and the tables that lack one. */
export type PartitionDay = z.infer<typeof partitionRow>;

/** Two days ahead: the third is made every ten minutes, so in the first minutes of a day it does not exist yet. */
const daysAhead = 2;

export function readPartitions(look: Look): Promise<PartitionDay[]> {
  return look.all(
    partitionRow,
    `select
       day::text,
       ahead,
       array(
         select parent
         from unnest(array['outbox', 'attempts', 'outcomes']) as parent
         where not exists (
           select
           from pg_inherits as i
           where i.inhparent = to_regclass('posthorn.' || parent)
             and i.inhrelid = to_regclass(format('posthorn.%s_%s', parent, to_char(day, 'YYYYMMDD'))))
       ) as missing
     from generate_series(0, $1::integer) as ahead
     cross join lateral (select (now() at time zone 'UTC')::date + ahead as day) as days
     order by ahead`,
    [daysAhead],
  );
}

const strandedRow = z.object({ day: z.string() });

/** Reads the days of rows in the default partitions, except for dropped days. */
export async function readStranded(look: Look): Promise<string[]> {
  const rows = await look.all(
    strandedRow,
    'select day::text from posthorn.days_without_partition() as day limit 100',
  );
  return rows.map(({ day }) => day);
}

const workerRow = z.object({
  number: z.int(),
  host: z.string(),
  version: z.string(),
  silent_s: z.number(),
});
const dueRow = z.object({ due_s: z.number().nullable() });

/** The workers, and how long the oldest webhook that is not held has been due. */
export interface WorkerFacts {
  readonly workers: readonly z.infer<typeof workerRow>[];
  readonly dueS: number | null;
}

export async function readWorkers(look: Look): Promise<WorkerFacts> {
  const workers = await look.all(
    workerRow,
    `select number, host, version, extract(epoch from clock_timestamp() - seen_at)::float8 as silent_s
     from posthorn.live_workers
     order by number`,
  );
  const due = await look.one(
    dueRow,
    `select extract(epoch from clock_timestamp() - min(due_at))::float8 as due_s
     from posthorn.queue
     where priority > -1 and due_at <= now()`,
  );
  return { workers, dueS: due.due_s };
}

const connectionRow = z.object({
  used: z.int(),
  used_by_role: z.int(),
  role_limit: z.int(),
  used_in_database: z.int(),
  database_limit: z.int(),
});

export type ConnectionFacts = z.infer<typeof connectionRow>;

/** Reads the number of connections, and the limits of this role and this database. -1: no limit. */
export function readConnections(look: Look): Promise<ConnectionFacts> {
  return look.one(
    connectionRow,
    `select
       (select coalesce(sum(numbackends), 0) from pg_stat_database where datid <> 0)::integer as used,
       (select count(*) from pg_stat_activity where usename = current_user)::integer as used_by_role,
       (select rolconnlimit from pg_roles where rolname = current_user) as role_limit,
       (select numbackends from pg_stat_database where datname = current_database()) as used_in_database,
       (select datconnlimit from pg_database where datname = current_database()) as database_limit`,
  );
}

const nowRow = z.object({ now_ms: z.number() });

/**
 * Reads by how many ms Postgres' clock is ahead of ours, and the maximum error of that, from the quickest of five
 * queries.
 */
export async function readClock(
  look: Look,
): Promise<{ readonly aheadMs: number; readonly withinMs: number }> {
  let best = { aheadMs: 0, withinMs: Number.POSITIVE_INFINITY };
  for (let time = 0; time < 5; time += 1) {
    const sentMs = Date.now();
    const started = performance.now();
    const row = await look.one(
      nowRow,
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms',
    );
    const tookMs = performance.now() - started;
    const withinMs = tookMs / 2;
    if (withinMs < best.withinMs) best = { aheadMs: row.now_ms - sentMs - withinMs, withinMs };
  }
  return best;
}
