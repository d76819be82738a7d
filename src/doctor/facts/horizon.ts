import { z } from 'zod';
import type { Look } from '../look.ts';

const transactionRow = z.object({
  pid: z.int(),
  role: z.string().nullable(),
  application: z.string().nullable(),
  state: z.string().nullable(),
  age_s: z.number(),
});
const preparedRow = z.object({ gid: z.string(), owner: z.string(), age_s: z.number() });
const standbyRow = z.object({ application: z.string().nullable(), xmin_age: z.int() });
const slotRow = z.object({
  name: z.string(),
  is_active: z.boolean(),
  /** The age, in transactions, of the oldest snapshot that vacuum keeps rows for; null: none. */
  xmin_age: z.int().nullable(),
  retained_bytes: z.number().nullable(),
  wal_status: z.string().nullable(),
});

/** What prevents vacuum from removing dead rows, and WAL from being recycled. */
export interface HorizonFacts {
  readonly transactions: readonly z.infer<typeof transactionRow>[];
  readonly prepared: readonly z.infer<typeof preparedRow>[];
  readonly standbys: readonly z.infer<typeof standbyRow>[];
  readonly slots: readonly z.infer<typeof slotRow>[];
}

export async function readHorizon(
  look: Look,
  { isInRecovery }: { isInRecovery: boolean },
): Promise<HorizonFacts> {
  return {
    // Transactions without a snapshot and an id hold nothing back; vacuum's own are harmless.
    transactions: await look.all(
      transactionRow,
      `select
         pid,
         usename::text as role,
         application_name as application,
         state,
         extract(epoch from clock_timestamp() - xact_start)::float8 as age_s
       from pg_stat_activity
       where datname = current_database()
         and pid <> pg_backend_pid()
         and (backend_xmin is not null or backend_xid is not null)
         and xact_start is not null
         and backend_type = 'client backend'
         and query !~* '^\\s*vacuum\\M'
       order by xact_start
       limit 20`,
    ),
    prepared: await look.all(
      preparedRow,
      `select gid, owner::text, extract(epoch from clock_timestamp() - prepared)::float8 as age_s
       from pg_prepared_xacts
       where database = current_database()
       order by prepared
       limit 20`,
    ),
    standbys: await look.all(
      standbyRow,
      `select application_name as application, age(backend_xmin) as xmin_age
       from pg_stat_replication
       where backend_xmin is not null
       order by age(backend_xmin) desc`,
    ),
    slots: await look.all(
      slotRow,
      `select
         slot_name::text as name,
         active as is_active,
         greatest(age(xmin), age(catalog_xmin)) as xmin_age,
         pg_wal_lsn_diff(
           ${isInRecovery ? 'pg_last_wal_replay_lsn()' : 'pg_current_wal_lsn()'}, restart_lsn)::float8 as retained_bytes,
         wal_status
       from pg_replication_slots
       order by slot_name`,
    ),
  };
}
