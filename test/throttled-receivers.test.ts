import { beforeEach, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { createTestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { forEachTest, forFile } from './support/world.ts';

// Receivers that take only so many requests, and answer the others with 429 or 503 and Retry-After.

const database = forFile(createTestDatabase);
beforeEach(() => database.empty());
const engine = forEachTest(() => startEngine(database));
const receiver = forEachTest(startReceiver);

it('a receiver that takes 20 a second gets all of them, and refuses fewer than it takes', async () => {
  const count = { taken: 0, refused: 0 };
  let tokens = 5;
  let lastMs = performance.now();
  receiver.answer((_request, response) => {
    const nowMs = performance.now();
    tokens = Math.min(5, tokens + (nowMs - lastMs) / 50);
    lastMs = nowMs;
    if (tokens >= 1) {
      tokens -= 1;
      count.taken += 1;
      response.end();
      return;
    }
    count.refused += 1;
    response.writeHead(429, { 'retry-after': '1' }).end();
  });
  // One attempt each: the first that was used up by a refusal would be the last.
  await database.pool.query(
    `insert into posthorn.outbox (url, body, max_attempts)
     select $1, '{}', 1 from generate_series(1, 30)`,
    [`${receiver.url}/hook`],
  );
  await eventually(async () => (await statuses())['delivered'] === 30, 'all delivered', 30_000);
  expect(count.refused).toBeGreaterThan(0);
  expect(count.refused).toBeLessThan(count.taken);
  // It writes the last of its counts. A wish for a pause is no failure.
  await engine.stop();
  const { rows } = await database.pool.query(
    'select sum(attempts)::integer as attempts, sum(failures)::integer as failures from posthorn.tallies',
  );
  expect(rows).toEqual([{ attempts: 30, failures: 0 }]);
});

it('a webhook that is refused in an ordered lane keeps its place and its attempts', async () => {
  receiver.answer((_request, response) => {
    const isFirst = receiver.requests.length === 1;
    response.writeHead(isFirst ? 503 : 200, { 'retry-after': '1' }).end();
  });
  await database.pool.query(
    `with endpoint as (
       insert into posthorn.endpoints (url, ordered) values ($1, true) returning id
     )
     insert into posthorn.outbox (endpoint_id, body, max_attempts)
     select id, n::text, 1 from endpoint cross join generate_series(1, 3) as n`,
    [`${receiver.url}/hook`],
  );
  await eventually(async () => (await statuses())['delivered'] === 3, 'all delivered');
  const bodies = receiver.requests.map(({ body }) => body.toString());
  expect(bodies).toEqual(['1', '1', '2', '3']);
});

it('a webhook that has been refused for days fails, though it has attempts left', async () => {
  receiver.answer((_request, response) => {
    response.writeHead(429, { 'retry-after': '0' }).end();
  });
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body) values ($1, '{}') returning id`,
    [`${receiver.url}/hook`],
  );
  const id = rows[0]?.id;
  await eventually(async () => {
    const { rowCount } = await database.pool.query(
      `update posthorn.queue set uncounted = 100, due_at = now() + interval '1 hour'
       where webhook_id = $1 and uncounted > 0 and lease_until is null`,
      [id],
    );
    return rowCount === 1;
  }, 'it was refused once');
  await database.pool.query(
    `update posthorn.attempts set created_at = created_at - interval '2 days' where webhook_id = $1`,
    [id],
  );
  await database.pool.query(`update posthorn.queue set due_at = now() where webhook_id = $1`, [id]);
  await database.pool.query(`select pg_notify('posthorn_wake', 'scan')`);
  const failed = await eventually(async () => {
    const found = await database.pool.query<{ status: string; reason: string }>(
      'select status::text, reason from posthorn.outcomes where webhook_id = $1',
      [id],
    );
    return found.rows[0];
  }, 'it ends');
  expect(failed).toEqual({ status: 'failed', reason: 'http_429' });
});

async function statuses(): Promise<Record<string, number>> {
  const { rows } = await database.pool.query<{ status: string; count: number }>(
    'select status::text, count(*)::integer from posthorn.outcomes group by status',
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}
