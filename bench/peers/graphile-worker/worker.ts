import { Logger, run } from 'graphile-worker';
import { queueName } from '../peers.ts';
import { serveWorker } from '../serve-worker.ts';

/*
 * Graphile Worker with a job per webhook: the local queue and the batching of completions and failures are on, with the
 * sizes of worker.graphile.org/docs/performance, but more jobs at once, because these wait for the network. The pool
 * need not grow with them: with both batchings 4 connections do what 25 do (measured).
 */
const concurrentJobs = 400;
const localQueueSize = 500;

interface Payload {
  readonly id: string;
}

serveWorker(async ({ databaseUrl }, delivery) => {
  const runner = await run({
    taskList: { [queueName]: (payload) => delivery.deliver((payload as Payload).id) },
    noHandleSignals: true,
    parsedCronItems: [],
    preset: {
      worker: {
        connectionString: databaseUrl,
        maxPoolSize: 10,
        concurrentJobs,
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
