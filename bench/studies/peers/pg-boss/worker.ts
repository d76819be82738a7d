import { PgBoss } from 'pg-boss';
import { queueName, type TunedFor } from '../peers.ts';
import { serveWorker } from '../serve-worker.ts';

/*
 * pg-boss' worker. A batch in place of one job, fetching on while batches come full, and woken by NOTIFY
 * (pgboss.io/api/workers: batchSize, localConcurrency, burstWhenBatchFull, useListenNotify).
 *
 * For a drain, of 50, 100 and 200 by 1, 2, 4 and 8 this took the least CPU time with the rows written one by one, and
 * nearly the least in batches. For latency one fetches alone: a NOTIFY wakes all of them, and with four of them Postgres
 * worked half as much again for the same latency.
 *
 * A batch is completed as a whole, in one statement; perJobResults, which a failure would make worth having, costs more.
 */
const batchSize = 100;
const localConcurrency: Readonly<Record<TunedFor, number>> = { drain: 4, latency: 1 };

interface JobData {
  readonly id: string;
}

serveWorker(async ({ databaseUrl, tunedFor }, delivery) => {
  const boss = new PgBoss({ connectionString: databaseUrl, useListenNotify: true });
  boss.on('error', (error) => delivery.trouble(error));
  await boss.start();
  await boss.work<JobData>(
    queueName,
    {
      batchSize,
      localConcurrency: localConcurrency[tunedFor],
      burstWhenBatchFull: true,
      pollingIntervalSeconds: 0.5,
    },
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
