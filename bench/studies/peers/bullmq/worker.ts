import { Worker } from 'bullmq';
import { queueName } from '../peers.ts';
import { serveWorker } from '../serve-worker.ts';

/*
 * BullMQ's worker. "Something between 100 and 300 is a quite standard setting" for jobs that do I/O
 * (docs.bullmq.io/guide/parallelism-and-concurrency). maxRetriesPerRequest as docs.bullmq.io/guide/going-to-production
 * wants it for workers.
 */
const concurrency = 200;

interface JobData {
  readonly id: string;
}

serveWorker(async ({ redisUrl = '' }, delivery) => {
  const worker = new Worker<JobData>(queueName, (job) => delivery.deliver(job.data.id), {
    connection: { url: redisUrl, maxRetriesPerRequest: null },
    concurrency,
  });
  worker.on('failed', (_job, error) => delivery.trouble(error));
  worker.on('error', (error) => delivery.trouble(error));
  await worker.waitUntilReady();
  return { stop: () => worker.close() };
});
