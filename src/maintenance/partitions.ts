import type { Pool, QueryConfig } from 'pg';
import { partitioned } from '../db/names.ts';
import { codeOf } from '../db/sqlstate.ts';
import { inTransaction } from '../db/transaction.ts';
import type { Log } from '../log.ts';

/** Partitions exist for this many days ahead. The default partitions take rows for which there is none. */
const daysAhead = 3;
/** Moving the rows of a day out of a default partition takes about as long as inserting them. */
const maxMs = 3_600_000;

/**
 * Makes the missing partitions from yesterday to three days ahead, and of all days that have rows in the default
 * partitions; returns how many it made. If a day fails, it goes on with the others.
 *
 * @throws when a day could not be made, after it has tried the others.
 */
export async function makePartitions(pool: Pool): Promise<number> {
  let made = 0;
  const failures: DayFailure[] = [];
  for (const day of await missingDays(pool)) {
    try {
      made += await makeDay(pool, day);
    } catch (error) {
      failures.push({ day, error });
    }
  }
  if (failures.length > 0) throw new PartitionsNotMade(failures);
  return made;
}

/**
 * Makes the missing partitions at the start of a worker, and tries again as long as a day could not be made: under steady inserts
 * its lock may not be had at once, and the crontab runs only once an hour. Returns what ends it.
 */
export function makePartitionsSoon(
  pool: Pool,
  { againMs, log }: { readonly againMs: number; readonly log: Log },
): () => void {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const make = async () => {
    try {
      await makePartitions(pool);
    } catch (error) {
      if (isOver) return;
      log.warn({ error: String(error) }, 'Cannot make all partitions yet: trying again');
      timer = setTimeout(() => void make(), againMs).unref();
    }
  };
  void make();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/** Today first, because until its partition exists its rows go to the default one; then future days; then past ones. */
async function missingDays(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ day: string }>(
    `select day::text
     from (select (now() at time zone 'UTC')::date as today) as clock
     cross join lateral (
       select today + ahead as day from generate_series(-1, $1::integer) as ahead
       union
       select day from posthorn.days_without_partition() as day
     ) as days
     where (
       select count(*)
       from pg_class
       where relnamespace = 'posthorn'::regnamespace
         and relname in (select parent || to_char(day, '_YYYYMMDD') from unnest($2::text[]) as parent)
     ) < cardinality($2::text[])
     order by day < today, abs(day - today)`,
    [daysAhead, partitioned],
  );
  return rows.map(({ day }) => day);
}

function makeDay(pool: Pool, day: string): Promise<number> {
  const query: QueryConfig & { readonly query_timeout: number } = {
    text: 'select posthorn.make_partitions($1::date) as made',
    values: [day],
    query_timeout: maxMs,
  };
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ made: number }>(query);
    return rows[0]?.made ?? 0;
  });
}

interface DayFailure {
  readonly day: string;
  readonly error: unknown;
}

class PartitionsNotMade extends Error {
  /** The SQLSTATE of the first failure. */
  readonly code: string | undefined;

  constructor(failures: readonly DayFailure[]) {
    const reasons = failures.map(({ day, error }) => `${day}: ${String(error)}`);
    const days = failures.length === 1 ? '1 day' : `${failures.length} days`;
    super(`Cannot make the partitions of ${days}: ${reasons.join('; ')}`, {
      cause: failures[0]?.error,
    });
    this.code = codeOf(failures[0]?.error);
  }
}
