import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startReceiver } from '../../harness/receiver.ts';
import { hasRedis, startRedis } from '../../harness/redis.ts';
import { graphileSchema } from '../../src/db/names.ts';
import { createTestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type Scraped, scrape } from '../support/scrape.ts';
import { forEachTest } from '../support/world.ts';

// What a worker counts beside its attempts: endpoints that fail, workers that die, leases that are lost.

const database = forEachTest(createTestDatabase);
const posthorn = forEachTest(() => startEngine(database));
const receiver = forEachTest(startReceiver);

it('a breaker that opens and one that closes are counted', async () => {
  receiver.answer((_request, response) => {
    response.statusCode = 500;
    response.end();
  });
  await enqueue(6);
  await metricsWith('posthorn_record_results_sum', 6);
  await database.pool.query(
    "update posthorn.breakers set failing_since = failing_since - interval '11 seconds'",
  );
  await enqueue(1);
  await metricsWith('posthorn_breakers_opened_total', 1);
  receiver.answer((_request, response) => response.end());
  await database.pool.query(
    `update posthorn.breakers set open_until = now() - interval '1 second';
     update posthorn.queue set due_at = now()`,
  );
  const metrics = await metricsWith('posthorn_breakers_closed_total', 1);
  expect(metrics.value('posthorn_breakers_opened_total')).toBe(1);
});

it('an endpoint that is disabled for its second 410 is counted', async () => {
  receiver.answer((_request, response) => {
    response.statusCode = 410;
    response.end();
  });
  const endpoint = await registerEndpoint(database, { url: receiver.url, ordered: true });
  await endpoint.enqueue(2);
  const metrics = await metricsWith('posthorn_endpoints_disabled_total{reason="gone"}', 1);
  expect(metrics.value('posthorn_endpoints_disabled_total{reason="failing"}')).toBe(0);
});

it('a session that is lost is counted, and meanwhile the worker is not ready', async () => {
  const back = once(posthorn.events, 'workerReady');
  const lost = once(posthorn.events, 'workerLost');
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'posthorn worker'`,
  );
  await lost;
  expect((await scrape(posthorn.address)).value('posthorn_worker_ready')).toBe(0);
  await back;
  const metrics = await metricsWith('posthorn_worker_ready', 1);
  expect(metrics.value('posthorn_session_losses_total')).toBe(1);
});

it('webhooks of a worker that died are counted as rescued', async () => {
  expect((await scrape(posthorn.address)).value('posthorn_rescues_total')).toBe(0);
  await enqueue(3, '1 hour');
  await database.pool.query(
    `insert into posthorn.workers (number, host, pid, version) values (7, 'gone', 1, '0');
     update posthorn.queue set leased_by = 7, lease_until = now() + interval '1 hour', attempts = 1`,
  );
  const metrics = await metricsWith('posthorn_rescued_webhooks_total', 3);
  expect(metrics.value('posthorn_rescues_total')).toBe(1);
});

it('a result whose lease was lost is counted as fenced', async () => {
  const answers: (() => void)[] = [];
  receiver.answer((_request, response) => {
    response.statusCode = 404;
    answers.push(() => response.end());
  });
  await enqueue(1);
  await receiver.until((requests) => requests.length === 1);
  await database.pool.query('update posthorn.queue set leased_by = 99');
  for (const answer of answers) answer();
  await metricsWith('posthorn_results_fenced_total', 1);
});

it('results that Postgres refuses for good are counted as lost', async () => {
  await refuse('delete', 'posthorn.queue');
  await enqueue(3);
  await metricsWith('posthorn_results_lost_total', 3);
});

it('a Graphile runner that ended and was started again is counted', async () => {
  expect((await scrape(posthorn.address)).value('posthorn_runner_restarts_total')).toBe(0);
  // A completion that fails ends the whole runner of graphile-worker 0.18.
  await refuse('delete', `${graphileSchema}._private_jobs`);
  await database.pool.query(`select ${graphileSchema}.add_job('posthorn:sample')`);
  await eventually(
    async () => (await scrape(posthorn.address)).value('posthorn_runner_restarts_total') > 0,
    'the restart is counted',
  );
  await database.pool.query(`drop trigger refuse on ${graphileSchema}._private_jobs`);
});

it('endpoints that are disabled because they have failed for days are counted', async () => {
  receiver.answer((_request, response) => {
    response.statusCode = 500;
    response.end();
  });
  for (const path of ['/a', '/b']) {
    const endpoint = await registerEndpoint(database, { url: `${receiver.url}${path}` });
    await endpoint.enqueue(1);
  }
  await metricsWith('posthorn_record_results_sum', 2);
  await database.pool.query(
    `update posthorn.breakers set consecutive = 20, failing_since = failing_since - interval '6 days'`,
  );
  await database.pool.query(`select ${graphileSchema}.add_job('posthorn:disable')`);
  await metricsWith('posthorn_endpoints_disabled_total{reason="failing"}', 2);
});

it('an outage of our own network is shown as long as it lasts', async () => {
  await database.pool.query(
    `insert into posthorn.outbox (url, body)
     select 'http://127.0.0.' || n || ':1/', '{}' from generate_series(1, 12) as n`,
  );
  await metricsWith('posthorn_egress_down', 1);
  await database.pool.query(
    `insert into posthorn.outbox (url, tenant, body)
     select $1, 'tenant-' || n, '{}' from generate_series(1, 12) as n`,
    [receiver.url],
  );
  await metricsWith('posthorn_egress_down', 0);
});

it('the pools tell how many connections they have and how many work', async () => {
  const holder = await database.pool.connect();
  await holder.query('begin');
  await holder.query('lock table posthorn.queue in access exclusive mode');
  const busy = await eventually(async () => {
    const metrics = await scrape(posthorn.address);
    return metrics.value('posthorn_pool_connections{pool="engine",state="busy"}') > 0 && metrics;
  }, 'a claim waits');
  await holder.query('rollback');
  holder.release();
  expect(busy.sum('posthorn_pool_connections')).toBeGreaterThan(1);
  expect(busy.value('posthorn_pool_waiting{pool="engine"}')).toBe(0);
  expect(busy.series.has('posthorn_pool_waiting{pool="maintenance"}')).toBe(true);
  expect(busy.series.has('posthorn_pool_waiting{pool="api"}')).toBe(true);
});

describe.skipIf(!hasRedis)('with Redis', () => {
  it('says whether it answers', async () => {
    await using redis = await startRedis();
    await using other = await startEngine(database, { env: { REDIS_URL: redis.url } });
    const upIs = (value: number) =>
      eventually(
        async () => (await scrape(other.address)).value('posthorn_redis_up') === value,
        `posthorn_redis_up is ${value}`,
      );
    await upIs(1);
    await redis.kill();
    await upIs(0);
  });
});

/** Refuses to change a table, whatever is in the row. */
async function refuse(what: 'delete' | 'update', table: string): Promise<void> {
  await database.pool.query(
    `create function public.refuse() returns trigger language plpgsql
     as $$ begin raise 'refused' using errcode = '22003'; end $$;
     create trigger refuse before ${what} on ${table} for each row execute function public.refuse()`,
  );
}

function metricsWith(series: string, value: number): Promise<Scraped> {
  return eventually(async () => {
    const metrics = await scrape(posthorn.address);
    return metrics.value(series) === value && metrics;
  }, `${series} is ${value}`);
}

async function enqueue(count: number, sendAt = '0'): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, body, send_at)
     select $1, '{}', now() + $3::interval from generate_series(1, $2::integer)`,
    [`${receiver.url}/hook`, count, sendAt],
  );
}
