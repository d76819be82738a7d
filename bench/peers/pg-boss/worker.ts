import { PgBoss } from 'pg-boss';
import { queueName } from '../peers.ts';
import { serveWorker } from '../serve-worker.ts';

/*
 * pg-boss' worker. A batch in place of one job, several fetching at once, fetching on while batches come full, and woken
 * by NOTIFY (pgboss.io/api/workers: batchSize, localConcurrency, burstWhenBatchFull, useListenNotify). Of 50, 100 and 200
 * by 2, 4 and 8, these took the least CPU time with the rows written one by one, and nearly the least in batches.
 *
 * A batch is completed as a whole, in one statement; perJobResults, which a failure would make worth having, costs more.
 */
const batchSize = 100;
const localConcurrency = 4;

interface JobData {
  readonly id: string;
}

serveWorker(async ({ databaseUrl }, delivery) => {
  const boss = new PgBoss({ connectionString: databaseUrl, useListenNotify: true });
  boss.on('error', (error) => delivery.trouble(error));
  await boss.start();
  await boss.work<JobData>(
    queueName,
    { batchSize, localConcurrency, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
    async (jobs) => {
      try {
        await Promise.all(jobs.map(({ data }) => delivery.deliver(data.id)));
      } catch (error) {
        delivery.trouble(error);
        throw error;
      }
    },
  );
  return { stop: () => boss.stop({ graceful: true, timeout: 10_000 }) };
});
