import { PgBoss } from 'pg-boss';
import { maxAttempts, queueName } from '../peers.ts';
import { insertWebhook, serveProducer } from '../serve-producer.ts';

/*
 * pg-boss' producer: the job in the transaction of the webhook, by the `db` option (pgboss.io/api/adapters); many by
 * insert(). A process that only enqueues leaves maintenance and cron to the workers (pgboss.io/api/constructor).
 */
const priority = 0;

serveProducer(async ({ databaseUrl }) => {
  const boss = new PgBoss({
    connectionString: databaseUrl,
    supervise: false,
    schedule: false,
    max: 2,
  });
  // What matters is thrown by send() and insert().
  boss.on('error', () => {});
  await boss.start();
  await boss.createQueue(queueName, { notify: true, retryLimit: maxAttempts - 1 });
  return {
    async enqueueAll(ids) {
      await boss.insert(
        queueName,
        ids.map((id) => ({ data: { id }, priority })),
      );
    },
    async insert(client, { url, body, secret }) {
      await client.query('begin');
      try {
        const values = [url, body, secret];
        const { rows } = await client.query<{ id: string }>({ ...insertWebhook, values });
        const id = rows[0]?.id ?? '';
        const db = {
          executeSql: (text: string, parameters: unknown[] = []) => client.query(text, parameters),
        };
        const job = await boss.send(queueName, { id }, { db, priority });
        if (job === null) throw new Error('pg-boss made no job');
        await client.query('commit');
        return id;
      } catch (error) {
        await client.query('rollback');
        throw error;
      }
    },
    close: () => boss.stop({ graceful: false }),
  };
});
