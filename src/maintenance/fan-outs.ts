import type { TaskList } from 'graphile-worker';
import type { Pool } from 'pg';
import { graphileSchema } from '../db/names.ts';
import { type SliceOptions, slicedTask } from './sliced-task.ts';

/*
 * What is added to the queue after the producer's transaction: the webhooks of events with very many recipients
 * (posthorn.fan_outs), and those that an endpoint missed while it was disabled (posthorn.catch_ups). Each step is one call
 * of a function, which saves its progress with what it adds.
 */

const fanOutTask = 'posthorn:fan_out';
const catchUpTask = 'posthorn:catch_up';

/** Endpoints, or webhooks, of one step. */
const batchSize = 1_000;
/** Events that a step may read to find a batch. */
const walkRows = 5_000;
/** With a rate limit, the queue is filled this far ahead. */
const aheadMs = 1_000;

/** The tasks that the jobs run. */
export function fanOutTasks(options: SliceOptions): TaskList {
  const { maintenancePool: pool, log } = options;
  return {
    ...slicedTask(fanOutTask, {
      ...options,
      subject: 'fan-out',
      step: async (id) => {
        const { rows } = await pool.query<{ isDone: boolean | null }>(
          'select is_done as "isDone" from posthorn.fan_out($1, $2)',
          [id, batchSize],
        );
        return { isDone: rows[0]?.isDone ?? true, waits: false };
      },
      again: (id) =>
        pool.query(`select ${addFanOut} from posthorn.fan_outs as f where f.event_id = $1`, [id]),
    }),
    ...slicedTask(catchUpTask, {
      ...options,
      subject: 'catch-up',
      step: async (id) => {
        const { isAhead, batch } = await paceOf(pool, id);
        if (isAhead) return { isDone: false, waits: true };
        const { rows } = await pool.query<CatchUpStep>(
          'select status, is_waiting as "isWaiting" from posthorn.continue_catch_up($1, $2, $3)',
          [id, walkRows, batch],
        );
        const [step] = rows;
        const isDone = step?.status !== 'running';
        if (isDone) log.info({ catchUp: id, status: step?.status }, 'Catch-up ended');
        return { isDone, waits: step?.isWaiting ?? false };
      },
      again: (id) =>
        pool.query(`select ${addCatchUp} from posthorn.catch_ups as c where c.id = $1`, [id]),
    }),
  };
}

interface CatchUpStep {
  readonly status: 'running' | 'finished' | 'cancelled' | null;
  readonly isWaiting: boolean | null;
}

/** Whether the queue has enough webhooks of a catch-up for its rate, and how many to add in a step. */
async function paceOf(pool: Pool, id: string): Promise<{ isAhead: boolean; batch: number }> {
  const { rows } = await pool.query<{ rate: number | null; aheadMs: number }>(
    `select
       case when not e.ordered then c.rate_limit_per_s end as rate,
       coalesce(extract(epoch from c.paced_until - now()) * 1000, 0)::float8 as "aheadMs"
     from posthorn.catch_ups as c
     join posthorn.endpoints as e on e.id = c.endpoint_id
     where c.id = $1`,
    [id],
  );
  const rate = rows[0]?.rate ?? null;
  if (rate === null) return { isAhead: false, batch: batchSize };
  return {
    isAhead: (rows[0]?.aheadMs ?? 0) > aheadMs,
    batch: Math.max(1, Math.min(batchSize, Math.ceil(rate))),
  };
}

/** Adds the jobs of fan-outs and catch-ups on which no worker has worked for a while, or ever. */
export async function ensureFanOuts(pool: Pool): Promise<void> {
  await pool.query(
    `select ${addFanOut}
     from posthorn.fan_outs as f
     where f.moved_at < now() - interval '10 seconds'
     union all
     select ${addCatchUp}
     from posthorn.catch_ups as c
     where c.status = 'running'
       and greatest(c.moved_at, c.paced_until) < now() - interval '10 seconds'`,
  );
}

const addFanOut = `${graphileSchema}.add_job(
  '${fanOutTask}',
  json_build_object('id', f.event_id),
  queue_name => '${fanOutTask}',
  job_key => '${fanOutTask}:' || f.event_id,
  job_key_mode => 'replace')`;

const addCatchUp = `${graphileSchema}.add_job(
  '${catchUpTask}',
  json_build_object('id', c.id),
  run_at => greatest(now() + interval '200 ms', c.paced_until - interval '${aheadMs / 2} ms'),
  job_key => '${catchUpTask}:' || c.id,
  job_key_mode => 'replace')`;
