import { Logger, makeWorkerUtils } from 'graphile-worker';
import { maxAttempts, queueName } from '../peers.ts';
import { serveProducer } from '../serve-producer.ts';

/*
 * Graphile Worker's producer: webhook and job in one statement, by add_job (worker.graphile.org/docs/sql-add-job); many
 * by addJobs (worker.graphile.org/docs/library/add-job).
 */
const priority = 0;

const insertWithJob = {
  name: 'insert',
  text: `
    with webhook as (insert into webhooks (url, body, secret) values ($1, $2, $3) returning id)
    select
      id,
      (graphile_worker.add_job('${queueName}', json_build_object('id', id), max_attempts => ${maxAttempts}, priority => ${priority})).id
        as job
    from webhook`,
};

serveProducer(async ({ databaseUrl }) => {
  const utils = await makeWorkerUtils({
    connectionString: databaseUrl,
    maxPoolSize: 2,
    logger: new Logger(() => () => {}),
  });
  await utils.migrate();
  return {
    async enqueueAll(ids) {
      await utils.addJobs(
        ids.map((id) => ({ identifier: queueName, payload: { id }, maxAttempts, priority })),
      );
    },
    async insert(client, { url, body, secret }) {
      const values = [url, body, secret];
      const { rows } = await client.query<{ id: string }>({ ...insertWithJob, values });
      return rows[0]?.id ?? '';
    },
    async close() {
      await utils.release();
    },
  };
});
