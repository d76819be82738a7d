import type { Pool } from 'pg';
import { graphileSchema, partitioned, partitionOf } from '../db/names.ts';
import { isLockFailure, withLockTimeout } from '../db/transaction.ts';
import { deleteAll, deleteOlder, rowsPerStatement } from './delete-rows.ts';
import { pruneCatchUps, pruneSubscriptions, pruneUnmatched } from './prune-events.ts';

/** The result of a pruning run. */
export interface PruneResult extends Record<string, unknown> {
  /** Days of history that were dropped, as yyyy-mm-dd. Their unfinished webhooks were moved out first. */
  readonly dropped: readonly string[];
  /** Days that are old enough but have too many unfinished webhooks to move: see posthorn.drop_partitions(). */
  readonly kept: readonly string[];
  /** Days that a long transaction keeps locked: nothing waits for it, and the next run tries again. */
  readonly postponed: readonly string[];
  /** Webhooks of dropped days that were unfinished then and have since ended, longer ago than the retention. */
  readonly forgottenWebhooks: number;
  /** Breakers of lanes without waiting webhooks that have not been sent to for a day. */
  readonly forgottenBreakers: number;
  readonly expiredKeys: number;
  /** Deleted endpoints whose webhooks have all been dropped. */
  readonly forgottenEndpoints: number;
  /** Alerts that were resolved longer ago than the retention. */
  readonly forgottenAlerts: number;
  readonly forgottenTallies: number;
  /** Replays that ended longer ago than the retention, and former outcomes of dropped webhooks. */
  readonly forgottenReplays: number;
  readonly forgottenOutcomes: number;
  /** Subscriptions that ended longer ago than the retention and a day. */
  readonly forgottenSubscriptions: number;
  /** Catch-ups that ended longer ago than the retention. */
  readonly forgottenCatchUps: number;
  /** Marks of dropped events that no endpoint had received. */
  readonly forgottenEvents: number;
  /** Graphile Worker jobs that can never run again: a killed worker left them while a job replaced itself. */
  readonly deadJobs: number;
}

/**
 * Drops the days whose webhooks are all older than the retention, and deletes rows that belong to nothing any more. An
 * unfinished webhook is never dropped: it is moved out of its day and stays until it has ended. If a step fails, it
 * goes on with the others.
 *
 * @throws when a step has failed, after all others were done.
 */
export async function prune(
  pool: Pool,
  { retentionMs }: { retentionMs: number },
): Promise<PruneResult> {
  const failures: StepFailure[] = [];
  const step = async <Result>(name: string, work: () => Promise<Result>, none: Result) => {
    try {
      return await work();
    } catch (error) {
      failures.push({ name, error });
      return none;
    }
  };
  const days = { dropped: [], kept: [], postponed: [] };
  const result = {
    ...(await step('days', () => pruneDays(pool, retentionMs), days)),
    forgottenWebhooks: await step('webhooks', () => pruneKept(pool, retentionMs), 0),
    forgottenBreakers: await step('breakers', () => pruneBreakers(pool), 0),
    expiredKeys: await step('idempotency keys', () => pruneKeys(pool), 0),
    forgottenEndpoints: await step('endpoints', () => pruneEndpoints(pool, retentionMs), 0),
    forgottenAlerts: await step('alerts', () => pruneAlerts(pool, retentionMs), 0),
    forgottenTallies: await step('tallies', () => pruneTallies(pool), 0),
    forgottenReplays: await step('replays', () => pruneReplays(pool, retentionMs), 0),
    forgottenOutcomes:
      (await step('former outcomes', () => pruneReplayed(pool, 'former_outcomes'), 0)) +
      (await step('brought forward', () => pruneReplayed(pool, 'brought_forward'), 0)),
    forgottenSubscriptions: await step(
      'subscriptions',
      () => pruneSubscriptions(pool, retentionMs),
      0,
    ),
    forgottenCatchUps: await step('catch-ups', () => pruneCatchUps(pool, retentionMs), 0),
    forgottenEvents: await step('unmatched events', () => pruneUnmatched(pool), 0),
    deadJobs: await step('dead jobs', () => pruneJobs(pool), 0),
  };
  if (failures.length > 0) throw new PruningIncomplete(failures, result);
  return result;
}

interface StepFailure {
  readonly name: string;
  readonly error: unknown;
}

class PruningIncomplete extends Error {
  /** The result of the steps that succeeded. */
  readonly result: PruneResult;

  constructor(failures: readonly StepFailure[], result: PruneResult) {
    const reasons = failures.map(({ name, error }) => `${name}: ${String(error)}`);
    super(`Cannot prune everything: ${reasons.join('; ')}`, { cause: failures[0]?.error });
    this.result = result;
  }
}

async function pruneDays(
  pool: Pool,
  retentionMs: number,
): Promise<Pick<PruneResult, 'dropped' | 'kept' | 'postponed'>> {
  const { rows } = await pool.query<{ day: string }>(
    `select day::text
     from posthorn.partition_days() as day
     where (day + 1)::timestamp at time zone 'UTC' <= now() - $1::float8 * interval '1 millisecond'
     order by day`,
    [retentionMs],
  );
  const ends: Record<DayEnd, string[]> = { dropped: [], kept: [], postponed: [] };
  for (const { day } of rows) {
    // A session that has locked one day has probably locked all of them.
    const tries = ends.postponed.length === 0 ? undefined : 1;
    ends[await dropDay(pool, day, { tries })].push(day);
  }
  return ends;
}

/** Endpoints are kept while the history may name them, and one day longer, because history is dropped by days. */
function pruneEndpoints(pool: Pool, retentionMs: number): Promise<number> {
  return deleteOlder(
    pool,
    retentionMs,
    `delete from posthorn.endpoints as e
     where e.status = 'deleted'
       and e.status_since < now() - $1::float8 * interval '1 millisecond' - interval '1 day'
       and not exists (select from posthorn.queue as q where q.priority < 1000 and q.lane = e.lane)`,
  );
}

/** Selected by their ids, which carry the time of counting, so that no further index is needed. */
async function pruneTallies(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from posthorn.tallies where id < posthorn.uuid_floor(now() - interval '2 hours')`,
  );
  return rowCount ?? 0;
}

function pruneAlerts(pool: Pool, retentionMs: number): Promise<number> {
  return deleteOlder(
    pool,
    retentionMs,
    `delete from posthorn.alerts where resolved_at < now() - $1::float8 * interval '1 millisecond'`,
  );
}

function pruneKeys(pool: Pool): Promise<number> {
  return deleteAll(
    pool,
    `with expired as materialized (
       select tenant, key
       from posthorn.idempotency_keys
       where expires_at < now()
       limit $1
       for update skip locked
     )
     delete from posthorn.idempotency_keys
     where (tenant, key) in (select tenant, key from expired)`,
  );
}

function pruneReplays(pool: Pool, retentionMs: number): Promise<number> {
  return deleteOlder(
    pool,
    retentionMs,
    `delete from posthorn.replays where finished_at < now() - $1::float8 * interval '1 millisecond'`,
  );
}

/** These tables are small and not partitioned. Deletes the rows of webhooks that have been dropped. */
function pruneReplayed(pool: Pool, table: 'former_outcomes' | 'brought_forward'): Promise<number> {
  return deleteAll(
    pool,
    `with dropped as materialized (
       select f.webhook_id
       from posthorn.${table} as f
       where f.webhook_id < (select posthorn.history_floor())
         -- Not by the outbox: the webhooks of an event have other ids than the event.
         and not exists (select from posthorn.queue as q where q.webhook_id = f.webhook_id)
         and not exists (select from posthorn.outcomes as e where e.webhook_id = f.webhook_id)
       order by f.webhook_id
       limit $1
     )
     delete from posthorn.${table}
     where webhook_id = any (array(select webhook_id from dropped))`,
  );
}

async function pruneKept(pool: Pool, retentionMs: number): Promise<number> {
  for (let total = 0; ; ) {
    const { rows } = await pool.query<{ webhooks: number }>(
      `select posthorn.forget_kept($1::float8 * interval '1 millisecond', $2) as webhooks`,
      [retentionMs, rowsPerStatement],
    );
    const webhooks = rows[0]?.webhooks ?? 0;
    total += webhooks;
    if (webhooks < rowsPerStatement) return total;
  }
}

/** The same as DELETE_PERMAFAILED_JOBS in Graphile Worker's own cleanup. */
async function pruneJobs(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from ${graphileSchema}._private_jobs where attempts = max_attempts and locked_at is null`,
  );
  return rowCount ?? 0;
}

type DayEnd = 'dropped' | 'kept' | 'postponed';

async function dropDay(
  pool: Pool,
  day: string,
  { tries }: { tries: number | undefined },
): Promise<DayEnd> {
  try {
    return await withLockTimeout(
      pool,
      async (client) => {
        const { rows } = await client.query<{ dropped: boolean }>(
          'select posthorn.drop_partitions($1::date) as dropped',
          [day],
        );
        return rows[0]?.dropped === true ? 'dropped' : 'kept';
      },
      {
        locked: partitioned.flatMap((table) => [
          table,
          partitionOf(table, day),
          `${table}_default`,
        ]),
        ...(tries === undefined ? {} : { tries }),
      },
    );
  } catch (error) {
    if (isLockFailure(error)) return 'postponed';
    throw error;
  }
}

async function pruneBreakers(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `with idle as materialized (
       select b.key
       from posthorn.breakers as b
       where greatest(b.failing_since, b.last_failure_at, b.throttled_until) < now() - interval '1 day'
         and not exists (select from posthorn.queue as q where q.priority < 1000 and q.lane = b.key)
       for update skip locked
     )
     delete from posthorn.breakers
     where key = any (array(select key from idle))`,
  );
  return rowCount ?? 0;
}
