import { EventEmitter } from 'node:events';
import {
  type ParsedCronItem,
  type Runner,
  run,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker';
import type { Pool } from 'pg';
import { graphileLogger } from '../db/graphile.ts';
import { graphileSchema } from '../db/names.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';

interface RunnerOptions {
  readonly pool: Pool;
  readonly events: Events;
  readonly log: Log;
  readonly taskList: TaskList;
  readonly cronItems: ParsedCronItem[];
}

/**
 * Starts a runner, which writes `poolId` into `locked_by` of its jobs.
 *
 * Both batch delays are set (0 is "on"): without them graphile-worker 0.18 does not await the completion of jobs, and a
 * backend lost during one ends the process.
 */
export async function startRunner(
  options: RunnerOptions,
): Promise<{ runner: Runner; poolId: string }> {
  const events: WorkerEvents = new EventEmitter();
  let poolId = '';
  events.on('pool:create', ({ workerPool }) => {
    poolId = workerPool.id;
  });
  events.on('job:success', ({ job }) => {
    options.events.emit('jobEnded', { task: job.task_identifier, result: 'success' });
  });
  events.on('job:error', ({ job }) => {
    const result = job.attempts >= job.max_attempts ? 'failed' : 'error';
    options.events.emit('jobEnded', { task: job.task_identifier, result });
  });
  const runner = await run({
    pgPool: options.pool,
    taskList: options.taskList,
    parsedCronItems: options.cronItems,
    noHandleSignals: true,
    events,
    logger: graphileLogger(options.log),
    preset: {
      worker: {
        schema: graphileSchema,
        // One for the deliver job, which always runs, and the rest for the crontab's jobs.
        concurrentJobs: 3,
        pollInterval: 1_000,
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
        gracefulShutdownAbortTimeout: 1_000,
      },
    },
  });
  return { runner, poolId };
}
