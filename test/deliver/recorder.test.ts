import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';

let database: TestDatabase;
let receiver: Receiver;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

async function insert(count: number, path: string): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, body)
     select $1 || '/' || (n % 20), '{}'
     from generate_series(1, $2::integer) as n`,
    [`${receiver.url}${path}`, count],
  );
}

async function waitingRecords(): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    `select count(*)::integer as count
     from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock' and query like '-- Records how attempts ended%'`,
  );
  return rows[0]?.count ?? 0;
}

it('results that come while others are written go together, unless they are very many', async () => {
  await using _posthorn = await startEngine(database);
  const locker = await database.pool.connect();
  await locker.query('begin');
  await locker.query('lock table posthorn.outcomes in exclusive mode');
  await insert(20, '/first');
  await receiver.until((requests) => requests.length === 20);
  await eventually(async () => (await waitingRecords()) === 1, 'a record that waits');
  // Each of these ended long after the 5 ms that results are gathered for.
  for (let more = 1; more <= 5; more += 1) {
    await insert(20, '/more');
    await receiver.until((requests) => requests.length === 20 + more * 20);
  }
  expect(await waitingRecords()).toBe(1);
  await insert(200, '/very-many');
  await eventually(async () => (await waitingRecords()) === 2, 'a second record');
  await locker.query('commit');
  locker.release();
  await eventually(async () => {
    const { rows } = await database.pool.query<{ count: number }>(
      `select count(*)::integer as count from posthorn.outcomes where status = 'delivered'`,
    );
    return rows[0]?.count === 320;
  }, 'all are delivered');
  expect(receiver.requests).toHaveLength(320);
});

it('the result of an ordered webhook waits for no other', async () => {
  const { rows } = await database.pool.query<{ id: string }>(
    'insert into posthorn.endpoints (url, ordered) values ($1, true) returning id',
    [`${receiver.url}/ordered`],
  );
  await using _posthorn = await startEngine(database);
  const locker = await database.pool.connect();
  await locker.query('begin');
  await locker.query('lock table posthorn.outcomes in exclusive mode');
  await insert(5, '/first');
  await eventually(async () => (await waitingRecords()) === 1, 'a record that waits');
  await database.pool.query(`insert into posthorn.outbox (endpoint_id, body) values ($1, '{}')`, [
    rows[0]?.id,
  ]);
  await eventually(async () => (await waitingRecords()) === 2, 'its own record');
  await locker.query('commit');
  locker.release();
  await receiver.until((requests) => requests.length === 6);
});
