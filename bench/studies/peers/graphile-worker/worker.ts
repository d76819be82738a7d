import { Logger, run } from 'graphile-worker';
import { queueName, type TunedFor } from '../peers.ts';
import { serveWorker } from '../serve-worker.ts';

/*
 * Graphile Worker with a job per webhook: local queue and batching of completions and failures are on, as
 * worker.graphile.org/docs/performance has them for its own figures. The pool need not grow with the jobs: with both
 * batchings 4 connections do what 25 do (measured).
 *
 * For a drain more jobs at once than its 24, as these wait for rows and network: 400 took half the CPU time of 24, when
 * the rows are written in batches. For latency the 24 are better: half the p50 of 100 and 400.
 */
const localQueueSize = 500;
const concurrentJobs: Readonly<Record<TunedFor, number>> = { drain: 400, latency: 24 };

interface Payload {
  readonly id: string;
}

serveWorker(async ({ databaseUrl, tunedFor }, delivery) => {
  const runner = await run({
    taskList: { [queueName]: (payload) => delivery.deliver((payload as Payload).id) },
    noHandleSignals: true,
    parsedCronItems: [],
    preset: {
      worker: {
        connectionString: databaseUrl,
        maxPoolSize: 10,
        concurrentJobs: concurrentJobs[tunedFor],
        localQueue: { size: localQueueSize },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
        // A line per job on the console costs more than the job.
        logger: new Logger(() => () => {}),
      },
    },
  });
  runner.events.on('job:error', ({ error }) => delivery.trouble(error));
  let isStopping = false;
  void runner.promise.then(
    () => {
      if (!isStopping) delivery.trouble('The runner ended by itself');
    },
    (error: unknown) => delivery.trouble(error),
  );
  return {
    async stop() {
      isStopping = true;
      await runner.stop();
    },
  };
});
