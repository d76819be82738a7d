import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '../../harness/receiver.ts';
import { hasRedis, startRedis } from '../../harness/redis.ts';
import type { Posthorn } from '../../src/posthorn.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type Scraped, scrape } from '../support/scrape.ts';

// What a worker counts beside its attempts: endpoints that fail, workers that die, leases that are lost.

let database: TestDatabase;
let posthorn: Posthorn & AsyncDisposable;
let receiver: Receiver;

beforeEach(async () => {
  database = await createTestDatabase();
  receiver = await startReceiver();
  posthorn = await startEngine(database);
});

afterEach(async () => {
  await receiver.close();
  await posthorn.stop();
  await database.drop();
});

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

it('what takes an outage of half a minute is counted when it happens', async () => {
  const { events } = posthorn;
  events.emit('recordLost', { results: 12, error: 'Postgres was away' });
  events.emit('runnerRestarted', { reason: 'it ended by itself' });
  events.emit('endpointsDisabled', { ids: ['a', 'b'], reason: 'failing' });
  events.emit('egress', { isDown: true });
  const metrics = await scrape(posthorn.address);
  expect(metrics.value('posthorn_results_lost_total')).toBe(12);
  expect(metrics.value('posthorn_runner_restarts_total')).toBe(1);
  expect(metrics.value('posthorn_endpoints_disabled_total{reason="failing"}')).toBe(2);
  expect(metrics.value('posthorn_egress_down')).toBe(1);
  events.emit('egress', { isDown: false });
  expect((await scrape(posthorn.address)).value('posthorn_egress_down')).toBe(0);
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
