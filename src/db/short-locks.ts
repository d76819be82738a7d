import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Log } from '../log.ts';
import { graphileSchema } from './names.ts';
import { isLockFailure, lockMs } from './transaction.ts';

/** How long it keeps trying while others hold a lock; each single wait is short. */
const patienceMs = 600_000;
const tellEveryMs = 10_000;

interface Step {
  /** What is being done, for people. */
  readonly what: string;
  readonly log: Log;
}

/**
 * Runs statements in a transaction that waits at most 100 ms for each lock, and repeats it until it gets them all.
 * Requests for a table queue behind one that waits for it, so a long wait would stop reads and writes. The log says
 * which sessions it waits for.
 *
 * @throws when others have held the locks for ten minutes; the message names the sessions.
 */
export async function withShortLocks(
  client: pg.Client,
  step: Step,
  statements: string,
): Promise<void> {
  await untilUnlocked(client, step, async () => {
    try {
      await client.query('begin');
      await client.query(`set local lock_timeout = '${lockMs}ms'; ${statements}`);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback').catch(() => {});
      throw error;
    }
  });
}

/** The same for work that sets its lock limit itself and can be repeated. */
export async function untilUnlocked(
  client: pg.Client,
  { what, log }: Step,
  work: () => Promise<void>,
): Promise<void> {
  const startedMs = performance.now();
  let toldMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isLockFailure(error)) throw error;
      const holders = await holdersOfLocks(client);
      const nowMs = performance.now();
      if (nowMs - startedMs > patienceMs) {
        throw new Error(
          `Cannot apply ${what} because others have locked the tables for ${patienceMs / 60_000} minutes: end their transactions, or try again later (${holders.join('; ')})`,
          { cause: error },
        );
      }
      if (nowMs - toldMs >= tellEveryMs) {
        toldMs = nowMs;
        log.warn({ holders }, `Waiting to apply ${what}: others have locked the tables`);
      }
      await delay(500 + Math.random() * 1_000);
    }
  }
}

/**
 * The sessions and prepared transactions that have held a lock on one of our tables for longer than we wait, oldest
 * first.
 */
async function holdersOfLocks(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ holder: string }>(
    `with holders as (
       select distinct l.pid, l.virtualtransaction
       from pg_locks as l
       join pg_class as c on c.oid = l.relation
       where l.locktype = 'relation'
         and l.granted
         and l.database = (select oid from pg_database where datname = current_database())
         and c.relnamespace in (select oid from pg_namespace where nspname in ('posthorn', '${graphileSchema}'))
         and l.pid is distinct from pg_backend_pid()
     ),
     named as (
       select
         format('pid %s (%s, %s, %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no name'), a.state) as holder,
         a.xact_start as since
       from holders as h
       join pg_stat_activity as a on a.pid = h.pid
       union all
       select format('the prepared transaction %L', x.gid), x.prepared
       from holders as h
       join pg_prepared_xacts as x on x.transaction::text = split_part(h.virtualtransaction, '/', 2)
       where h.pid is null
     )
     select format('%s for %s s', holder, round(extract(epoch from clock_timestamp() - since))) as holder
     from named
     where since < clock_timestamp() - interval '${lockMs} ms'
     order by since
     limit 5`,
  );
  return rows.map(({ holder }) => holder);
}
