import { beforeEach, expect, it } from 'vitest';
import { spawnWorker } from '../../harness/process.ts';
import { startReceiver } from '../../harness/receiver.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { forEachTest, forFile } from '../support/world.ts';

// Real worker processes, really killed.

const database = forFile(createTestDatabase);
const receiver = forEachTest(startReceiver);

beforeEach(() => database.empty());

it('what a killed worker was sending is sent again long before its lease ends by another that lives', async () => {
  await using doomed = await spawnWorker(database.url);
  receiver.answer(() => {});
  await enqueue(40);
  await receiver.until((requests) => requests.length >= 8);
  // Before the other one takes what the first has no slots for: it would wait for answers as well.
  receiver.answer((_request, response) => response.end());
  await using _other = await spawnWorker(database.url);
  const inFlight = await countInFlight();
  const killedMs = performance.now();
  await doomed.end('SIGKILL');
  await allEnded(40);
  expect(performance.now() - killedMs).toBeLessThan(60_000);
  await expectWholeHistory({ webhooks: 40, interrupted: inFlight });
});

it('what a killed worker was sending is sent again long before its lease ends by its successor', async () => {
  await using doomed = await spawnWorker(database.url);
  receiver.answer(() => {});
  await enqueue(40);
  await receiver.until((requests) => requests.length >= 8);
  const inFlight = await countInFlight();
  await doomed.end('SIGKILL');
  receiver.answer((_request, response) => response.end());
  await using _successor = await spawnWorker(database.url);
  const readyMs = performance.now();
  await allEnded(40);
  expect(performance.now() - readyMs).toBeLessThan(60_000);
  await expectWholeHistory({ webhooks: 40, interrupted: inFlight });
});

it('a rolling restart sends nothing twice', async () => {
  receiver.answer((_request, response) => void setTimeout(() => response.end(), 30));
  await using first = await spawnWorker(database.url);
  await enqueue(600);
  await receiver.until((requests) => requests.length > 50);
  await using _second = await spawnWorker(database.url);
  expect(await first.end('SIGTERM')).toBe(0);
  await allEnded(600);
  expect(receiver.requests).toHaveLength(600);
  const { rows } = await database.pool.query(
    'select count(*)::integer as attempts from posthorn.attempts',
  );
  expect(rows).toEqual([{ attempts: 600 }]);
});

it('a stop waits for what is in flight, records it and leaves nothing behind', async () => {
  let answer = () => {};
  receiver.answer((_request, response) => {
    answer = () => response.end('at last');
  });
  await using worker = await spawnWorker(database.url);
  await enqueue(1);
  await receiver.until((requests) => requests.length === 1);
  const ended = worker.end('SIGTERM');
  await worker.line(/Stopping/);
  answer();
  expect(await ended).toBe(0);
  await allEnded(1);
  const { rows } = await database.pool.query(
    `select
       (select count(*)::integer from posthorn.workers where pid = $1) as workers,
       (select response_body from posthorn.attempts) as answer`,
    [worker.child.pid],
  );
  expect(rows).toEqual([{ workers: 0, answer: 'at last' }]);
});

it('a stop whose grace is over gives up what is in flight; it is sent again and does not count', async () => {
  receiver.answer(() => {});
  await using worker = await spawnWorker(database.url, { POSTHORN_GRACE: '200ms' });
  await enqueue(1);
  await receiver.until((requests) => requests.length === 1);
  expect(await worker.end('SIGTERM')).toBe(0);
  const { rows } = await database.pool.query(
    `select q.attempts, q.uncounted, q.lease_until, a.error
     from posthorn.queue as q join posthorn.attempts as a using (webhook_id)`,
  );
  expect(rows).toEqual([{ attempts: 1, uncounted: 1, lease_until: null, error: 'aborted' }]);
});

async function enqueue(count: number): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, body) select $1 || n, '{}' from generate_series(1, $2) as n`,
    [`${receiver.url}/`, count],
  );
}

/** Of the worker that came first: another one may send already what that one has no slots for. */
async function countInFlight(): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    `select count(*)::integer as count
     from posthorn.queue
     where lease_until is not null and leased_by = (select min(leased_by) from posthorn.queue)`,
  );
  return rows[0]?.count ?? 0;
}

async function allEnded(count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query<{ count: number }>(
      `select count(*)::integer as count from posthorn.outcomes where status = 'delivered'`,
    );
    return rows[0]?.count === count;
  }, `${count} webhooks are delivered`);
}

/** No attempt left open, no number missing, nothing sent more than once beyond what was interrupted. */
async function expectWholeHistory(expected: { webhooks: number; interrupted: number }) {
  const { rows } = await database.pool.query(
    `select
       (select count(*)::integer from posthorn.queue) as unfinished,
       (select count(*)::integer from posthorn.attempts where finished_at is null) as open,
       (select count(*)::integer from posthorn.attempts where error = 'abandoned') as abandoned,
       (select count(*)::integer from posthorn.attempts) as attempts,
       (select sum(attempts)::integer from posthorn.outcomes) as counted`,
  );
  const total = expected.webhooks + expected.interrupted;
  expect(rows[0]).toEqual({
    unfinished: 0,
    open: 0,
    abandoned: expected.interrupted,
    attempts: total,
    counted: total,
  });
  const ids = new Set(receiver.requests.map(({ headers }) => headers['webhook-id']));
  expect(ids.size).toBe(expected.webhooks);
  expect(receiver.requests.length).toBeLessThanOrEqual(total);
}
