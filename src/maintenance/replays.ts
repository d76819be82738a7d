import type { TaskList } from 'graphile-worker';
import type { Pool } from 'pg';
import { graphileSchema, lockClass, partitionsLock } from '../db/names.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import { inTransaction } from '../db/transaction.ts';
import type { Events } from '../events.ts';
import { type SliceOptions, slicedTask } from './sliced-task.ts';

/*
 * The replays: webhooks that have ended go back into the queue, many at a time.
 *
 * A Graphile Worker job works on one replay for a slice of 2 s and adds itself again; there is one at a time over all
 * workers. Each transaction puts up to 1,000 webhooks back and notes its progress (walked_to), so that each matching
 * webhook is put back once, whatever crashes. The transaction locks the row of the replay: a second job for it waits,
 * and continues where the first one stopped. When Graphile Worker's tables are emptied, or a job is lost with its
 * worker, the workers add it again (I11).
 */

export const replayTask = 'posthorn:replay';

const putBackSql = sqlFile('put-back');
const takeBackSql = sqlFile('take-back');

const batchSize = 1_000;
/** Rows that a transaction may read to find a batch. */
const walkRows = 20_000;
const lockMs = 1_000;
/** With a rate limit, the queue is filled this far ahead. */
const aheadMs = 1_000;

/** The task that the jobs run. */
export function replayTasks(options: SliceOptions & { readonly events: Events }): TaskList {
  const { maintenancePool, events, log } = options;
  return slicedTask(replayTask, {
    ...options,
    subject: 'replay',
    step: async (id) => {
      const { status, webhooks, isAhead } = await advance(maintenancePool, id);
      events.emit('replayed', { id, webhooks, status });
      const isDone = status === 'finished' || status === 'cancelled' || status === 'forgotten';
      if (isDone) log.info({ replay: id, status }, 'Replay ended');
      return { isDone, waits: isAhead };
    },
    again: (id) =>
      maintenancePool.query(`select ${addJob} from posthorn.replays as r where r.id = $1`, [id]),
  });
}

/** Adds the jobs of replays on which no worker has worked for a while, or ever. */
export async function ensureReplays(pool: Pool): Promise<void> {
  await pool.query(
    `select ${addJob}
     from posthorn.replays as r
     where r.status in ('running', 'cancelling')
       and greatest(r.moved_at, r.paced_until) < now() - interval '10 seconds'`,
  );
}

/** Uses the columns of posthorn.replays as r. */
const addJob = `${graphileSchema}.add_job(
  '${replayTask}',
  json_build_object('id', r.id),
  queue_name => '${replayTask}',
  run_at => greatest(now(), r.paced_until - interval '${aheadMs / 2} ms'),
  job_key => '${replayTask}:' || r.id,
  job_key_mode => 'replace')`;

interface Step {
  readonly status: ReplayRow['status'] | 'forgotten';
  readonly webhooks: number;
  /** The queue has enough webhooks for the rate. */
  readonly isAhead: boolean;
}

interface ReplayRow {
  readonly status: 'running' | 'finished' | 'cancelling' | 'cancelled';
  readonly rate_limit_per_s: number | null;
  readonly paced_ms: number;
}

/** Puts the next webhooks back, or takes the next ones back, in one transaction. */
function advance(pool: Pool, id: string): Promise<Step> {
  return inTransaction(pool, async (client) => {
    // While rows are moved from a default partition into a new one, a session that waits for them would find them in
    // neither.
    await client.query('select pg_advisory_xact_lock_shared($1, $2)', [lockClass, partitionsLock]);
    const { rows } = await client.query<ReplayRow>(
      `select status, rate_limit_per_s, coalesce(extract(epoch from paced_until - now()) * 1000, 0)::float8 as paced_ms
       from posthorn.replays
       where id = $1
       for update`,
      [id],
    );
    const [replay] = rows;
    if (replay === undefined) return { status: 'forgotten', webhooks: 0, isAhead: false };
    const { status } = replay;
    const isAhead = status === 'running' && replay.paced_ms > aheadMs;
    if (isAhead || status === 'finished' || status === 'cancelled') {
      return { status, webhooks: 0, isAhead };
    }
    // A session that has locked an ordered lane, for example by an uncommitted change of its endpoint, delays this
    // replay; but the webhooks that the replay has locked by then are locked for no longer than this.
    await client.query(`set local lock_timeout = '${lockMs}ms'`);
    type Row = Pick<Step, 'status' | 'webhooks'>;
    const [step] =
      status === 'running'
        ? await runSql<Row>(client, putBackSql, {
            replayId: id,
            maxWebhooks: batchOf(replay),
            maxRows: walkRows,
          })
        : await runSql<Row>(client, takeBackSql, { replayId: id, maxWebhooks: batchSize });
    if (step === undefined) throw new Error('The replay cannot continue because its row is gone');
    return { ...step, isAhead: false };
  });
}

/** The webhooks of one second. */
function batchOf({ rate_limit_per_s: rate }: ReplayRow): number {
  return rate === null ? batchSize : Math.max(1, Math.min(batchSize, Math.ceil(rate)));
}
