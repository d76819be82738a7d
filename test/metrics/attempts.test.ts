import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../../harness/receiver.ts';
import { closedPort } from '../../harness/receivers.ts';
import type { Posthorn } from '../../src/posthorn.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { hasPromtool, lint, type Scraped, scrape } from '../support/scrape.ts';
import { forEachTest } from '../support/world.ts';

// What a worker counts, against what really happened: a real engine, real requests, scraped over HTTP.

const database = forEachTest(createTestDatabase);
let posthorn: Posthorn & AsyncDisposable;
const receiver = forEachTest(startReceiver);

beforeEach(async () => {
  receiver.answer(({ path }, response) => {
    response.statusCode = Number(/\d{3}/.exec(path)?.[0] ?? 200);
    response.end();
  });
});

afterEach(() => posthorn.stop());

describe('attempts', () => {
  it('are counted by outcome, reason and status class, and the figures are those of Postgres', async () => {
    posthorn = await startEngine(database);
    await enqueue(receiver.url, '/200', { count: 40, priority: 'high' });
    await enqueue(receiver.url, '/204', { count: 10, priority: 'low' });
    await enqueue(receiver.url, '/503', { count: 3 });
    await enqueue(receiver.url, '/429', { count: 2 });
    await enqueue(receiver.url, '/302', { count: 1 });
    await enqueue(receiver.url, '/404', { count: 4 });
    await enqueue(receiver.url, '/410', { count: 1 });
    await enqueue(`http://127.0.0.1:${await closedPort()}`, '/', { count: 2 });
    await enqueue('http://10.0.0.1', '/', { count: 1 });
    const metrics = await recorded(64);
    const nonZero = [...metrics.series].filter(
      ([name, value]) => name.startsWith('posthorn_attempts_total') && value > 0,
    );
    expect(Object.fromEntries(nonZero)).toEqual({
      [attempts('delivered', 'none', '2xx')]: 50,
      [attempts('retry', 'http_5xx', '5xx')]: 3,
      [attempts('retry', 'http_429', '4xx')]: 2,
      [attempts('retry', 'redirect', '3xx')]: 1,
      [attempts('failed', 'http_4xx', '4xx')]: 4,
      [attempts('failed', 'gone', '4xx')]: 1,
      [attempts('retry', 'connection_refused', 'none')]: 2,
      [attempts('failed', 'address_blocked_literal', 'none')]: 1,
    });
    const ended = [...metrics.series].filter(
      ([name, value]) => name.startsWith('posthorn_webhooks_ended_total') && value > 0,
    );
    expect(Object.fromEntries(ended)).toEqual({
      'posthorn_webhooks_ended_total{status="delivered",reason="none"}': 50,
      'posthorn_webhooks_ended_total{status="failed",reason="http_4xx"}': 4,
      'posthorn_webhooks_ended_total{status="failed",reason="gone"}': 1,
      'posthorn_webhooks_ended_total{status="failed",reason="address_blocked_literal"}': 1,
    });
    const { rows } = await database.pool.query(
      `select
         (select count(*)::integer from posthorn.attempts where finished_at is not null) as attempts,
         (select sum(duration_ms)::float8 / 1000 from posthorn.attempts) as duration_s,
         (select count(*)::integer from posthorn.outcomes where status = 'failed') as failed`,
    );
    expect(rows[0]).toMatchObject({ attempts: 64, failed: 6 });
    expect(metrics.sum('posthorn_attempt_duration_seconds_sum')).toBeCloseTo(
      rows[0]?.duration_s,
      4,
    );
  });

  it('have their times in histograms whose buckets add up', async () => {
    posthorn = await startEngine(database);
    receiver.answer((_request, response) => void setTimeout(() => response.end(), 120));
    await enqueue(receiver.url, '/slow', { count: 6, priority: 'high' });
    await enqueue(receiver.url, '/slow', { count: 2, priority: 'low' });
    const metrics = await recorded(8);
    const duration = (le: string) =>
      metrics.value(`posthorn_attempt_duration_seconds_bucket{le="${le}",outcome="delivered"}`);
    expect([duration('0.1'), duration('60'), duration('+Inf')]).toEqual([0, 8, 8]);
    expect(
      metrics.value('posthorn_attempt_duration_seconds_sum{outcome="delivered"}'),
    ).toBeGreaterThan(8 * 0.119);
    expect(metrics.value('posthorn_queue_wait_seconds_count{priority="high"}')).toBe(6);
    expect(metrics.value('posthorn_queue_wait_seconds_count{priority="normal"}')).toBe(0);
    expect(metrics.value('posthorn_queue_wait_seconds_count{priority="low"}')).toBe(2);
    expect(metrics.value('posthorn_delivery_time_seconds_bucket{le="0.1"}')).toBe(0);
    expect(metrics.value('posthorn_delivery_time_seconds_count')).toBe(8);
    // The answer took most of it.
    expect(metrics.value('posthorn_delivery_time_seconds_sum')).toBeGreaterThan(8 * 0.119);
    expect(metrics.sum('posthorn_queue_wait_seconds_sum')).toBeLessThan(8);
  });

  it('wait from when they are due, not from when they are enqueued', async () => {
    posthorn = await startEngine(database);
    await enqueue(receiver.url, '/200', { sendAt: '600 milliseconds' });
    const metrics = await recorded(1);
    expect(metrics.value('posthorn_queue_wait_seconds_sum{priority="normal"}')).toBeLessThan(0.5);
    expect(metrics.value('posthorn_delivery_time_seconds_sum')).toBeGreaterThan(0.59);
  });

  it('of one webhook are a retry each but the last, and the rate and the average say so', async () => {
    posthorn = await startEngine(database, { env: { POSTHORN_RETRY_SCHEDULE: '300ms,300ms' } });
    const before = await scrape(posthorn.address);
    expect(before.series.has('posthorn_recent_success_ratio')).toBe(false);
    expect(before.series.has('posthorn_recent_delivery_time_seconds')).toBe(false);
    let tries = 0;
    receiver.answer((_request, response) => {
      tries += 1;
      response.statusCode = tries < 3 ? 500 : 200;
      response.end();
    });
    await enqueue(receiver.url, '/', {});
    const metrics = await recorded(3);
    expect(metrics.value(attempts('retry', 'http_5xx', '5xx'))).toBe(2);
    expect(metrics.value(attempts('delivered', 'none', '2xx'))).toBe(1);
    expect(metrics.value('posthorn_recent_success_ratio')).toBeCloseTo(1 / 3);
    const average = metrics.value('posthorn_recent_delivery_time_seconds');
    expect(average).toBeGreaterThan(0.6);
    expect(average).toBe(metrics.value('posthorn_delivery_time_seconds_sum'));
  });

  it('that are under way are seen, and the claims and records that carried them', async () => {
    posthorn = await startEngine(database, { env: { POSTHORN_MAX_IN_FLIGHT: '100' } });
    const answers: (() => void)[] = [];
    receiver.answer((_request, response) => answers.push(() => response.end()));
    await enqueue(receiver.url, '/held', { count: 7 });
    await receiver.until((requests) => requests.length === 7);
    const during = await scrape(posthorn.address);
    expect(during.value('posthorn_in_flight')).toBe(7);
    expect(during.value('posthorn_in_flight_limit')).toBe(100);
    expect(during.value('posthorn_worker_ready')).toBe(1);
    expect(during.value('posthorn_claim_webhooks_sum')).toBe(7);
    expect(during.value('posthorn_claim_webhooks_count')).toBe(
      during.value('posthorn_claim_duration_seconds_count'),
    );
    for (const answer of answers) answer();
    const after = await recorded(7);
    expect(after.value('posthorn_in_flight')).toBe(0);
    expect(after.value('posthorn_record_results_sum')).toBe(7);
    expect(after.value('posthorn_record_duration_seconds_sum')).toBeGreaterThan(0);
    expect(after.value('posthorn_scan_duration_seconds_count')).toBeGreaterThan(0);
    expect(after.value('posthorn_results_fenced_total')).toBe(0);
  });
});

describe('the labels', () => {
  it('are bounded: three thousand endpoints have as many series as one', async () => {
    posthorn = await startEngine(database);
    await enqueue(receiver.url, '/200/first', {});
    const before = await recorded(1);
    await database.pool.query(
      `insert into posthorn.outbox (url, body)
       select $1 || case when n % 3 = 0 then '/404/' else '/200/' end || n, '{}'
       from generate_series(1, 3000) as n`,
      [receiver.url],
    );
    const after = await recorded(3_001);
    expect(after.value(attempts('failed', 'http_4xx', '4xx'))).toBe(1_000);
    const ours = ({ series }: Scraped) =>
      [...series.keys()].filter(
        (name) =>
          name.startsWith('posthorn_') &&
          !name.startsWith('posthorn_recent_') &&
          // A scheduled task has its series from its first run on, which may be between the two.
          !name.includes('task="posthorn:'),
      );
    expect(ours(after)).toEqual(ours(before));
    expect(after.text).not.toMatch(/127\.0\.0\.1|\/200|[0-9a-f]{8}-[0-9a-f]{4}-/);
  });
});

it.skipIf(!hasPromtool)('promtool has nothing to complain about', async () => {
  posthorn = await startEngine(database);
  await enqueue(receiver.url, '/200', { count: 5 });
  await enqueue(receiver.url, '/404', {});
  const { text, contentType } = await recorded(6);
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(lint(text)).toBe('');
  // It would complain.
  expect(lint(text.replaceAll('posthorn_in_flight', 'posthorn_inFlight'))).toContain('inFlight');
});

function attempts(outcome: string, reason: string, statusClass: string): string {
  return `posthorn_attempts_total{outcome="${outcome}",reason="${reason}",status_class="${statusClass}"}`;
}

async function enqueue(
  origin: string,
  path: string,
  {
    count = 1,
    priority = 'normal',
    sendAt = '0',
  }: { count?: number; priority?: string; sendAt?: string },
): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, body, priority, send_at)
     select $1, '{}', $2, now() + $4::interval from generate_series(1, $3::integer)`,
    [`${origin}${path}`, priority, count, sendAt],
  );
}

/** The scrape after so many results have been recorded. */
function recorded(results: number): Promise<Scraped> {
  return eventually(async () => {
    const metrics = await scrape(posthorn.address);
    return metrics.sum('posthorn_record_results_sum') === results && metrics;
  }, `${results} results are recorded`);
}
