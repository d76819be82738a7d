import { EventEmitter } from 'node:events';
import {
  Logger,
  type ParsedCronItem,
  type Runner,
  run,
  runMigrations,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker';
import type { Pool } from 'pg';
import type { Log } from '../log.ts';

/**
 * Where Graphile Worker keeps its tables. Not its default: a database may already hold another Graphile Worker, of
 * another version, and migrating that one would stop its workers.
 */
export const graphileSchema = 'posthorn_graphile';

interface RunnerOptions {
  readonly pool: Pool;
  readonly log: Log;
  readonly taskList: TaskList;
  readonly cronItems: ParsedCronItem[];
}

/** Brings Graphile Worker's own tables up to date. */
export async function migrateGraphile(pool: Pool, log: Log): Promise<void> {
  await runMigrations({ pgPool: pool, schema: graphileSchema, logger: graphileLogger(log) });
}

/**
 * Starts a runner; `poolId` is what it writes into `locked_by` of its jobs.
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
        // One for the deliver job, which is always there, and the rest for the crontab's.
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

/** Graphile tells of every job and every start at info; that is our debug. */
function graphileLogger(log: Log): Logger {
  return new Logger((scope) => (level, message) => {
    const fields = { component: 'graphile-worker', ...scope };
    if (level === 'error') log.error(fields, message);
    else if (level === 'warning') log.warn(fields, message);
    else log.debug(fields, message);
  });
}
