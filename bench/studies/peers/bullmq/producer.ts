import { type JobsOptions, Queue } from 'bullmq';
import { maxAttempts, queueName } from '../peers.ts';
import { insertWebhook, serveProducer } from '../serve-producer.ts';

/*
 * BullMQ's producer. Its job cannot be in the transaction: it is added after the commit, and lost if the producer dies in
 * between. Jobs are removed when they are done, as the rows in Postgres keep the history (docs.bullmq.io/guide/queues/
 * auto-removal-of-jobs); the priorities are 1 for high, 2 for normal, 3 for low (docs.bullmq.io/guide/jobs/prioritized).
 */
const options: JobsOptions = {
  priority: 2,
  attempts: maxAttempts,
  removeOnComplete: true,
};

const jobName = 'deliver';

serveProducer(async ({ redisUrl = '' }) => {
  const queue = new Queue(queueName, { connection: { url: redisUrl } });
  await queue.waitUntilReady();
  return {
    async enqueueAll(ids) {
      await queue.addBulk(ids.map((id) => ({ name: jobName, data: { id }, opts: options })));
    },
    async insert(client, { url, body, secret }) {
      const values = [url, body, secret];
      const { rows } = await client.query<{ id: string }>({ ...insertWebhook, values });
      return rows[0]?.id ?? '';
    },
    async afterCommit(id) {
      await queue.add(jobName, { id }, options);
    },
    close: () => queue.close(),
  };
});
