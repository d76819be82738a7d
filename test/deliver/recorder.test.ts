import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '../../harness/receiver.ts';
import { claimByHand } from '../support/claimed.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { createRecorder, failure } from '../support/recorder.ts';

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

it('results of an ordered lane are written one batch after another, and hold up no other lane', async () => {
  await database.empty();
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body) select 'http://receiver.example/', '{}' from generate_series(1, 3) returning id`,
  );
  const [first = '', second = '', other = ''] = rows.map(({ id }) => id);
  for (const { id } of rows) await claimByHand(database, { id });
  const locker = await database.pool.connect();
  await locker.query('begin');
  await locker.query('lock table posthorn.outcomes in exclusive mode');
  const recorder = createRecorder(database.pool);
  const settled: string[] = [];
  const add = (id: string, lane: string, isInOrder: boolean) => {
    const result = failure(id, { number: 1, statusCode: 500 });
    const onSettled = () => void settled.push(id);
    recorder.add({
      ...{ ...result, webhook: { ...result.webhook, lane } },
      ...{ isAwaited: true, isInOrder, onSettled },
    });
  };
  add(first, '1', true);
  await eventually(async () => (await waitingRecords()) === 1, 'the first is written');
  add(second, '1', true);
  add(other, '2', true);
  await eventually(async () => (await waitingRecords()) === 2, 'that of another lane, too');
  expect(recorder.webhookIds).toEqual([second, first, other]);
  await locker.query('commit');
  locker.release();
  await recorder.drain();
  expect(settled.indexOf(second)).toBeGreaterThan(settled.indexOf(first));
});

it('two results of one webhook that come at once are both recorded, each in its attempt', async () => {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body) values ('http://receiver.example/', '{}') returning id`,
  );
  const id = rows[0]?.id ?? '';
  await database.pool.query(
    `insert into posthorn.attempts (webhook_id, number, worker) values ($1, 1, 1), ($1, 2, 1)`,
    [id],
  );
  await database.pool.query(
    `update posthorn.queue set attempts = 2, leased_by = 1, lease_until = now() + interval '1 min' where webhook_id = $1`,
    [id],
  );
  const { pool } = database;
  const recorder = createRecorder(pool);
  // The lease of the first ran out under a slow receiver, and the same worker sent the webhook again.
  recorder.add(failure(id, { number: 1, statusCode: 500 }));
  recorder.add(failure(id, { number: 2, statusCode: 503 }));
  await recorder.drain();
  const attempts = await pool.query(
    'select number, status_code, finished_at is not null as ended from posthorn.attempts where webhook_id = $1 order by 1',
    [id],
  );
  expect(attempts.rows).toEqual([
    { number: 1, status_code: 500, ended: true },
    { number: 2, status_code: 503, ended: true },
  ]);
  const queue = await pool.query(
    'select lease_until, due_at > now() as waits from posthorn.queue where webhook_id = $1',
    [id],
  );
  expect(queue.rows).toEqual([{ lease_until: null, waits: true }]);
});

it('a webhook that somebody has locked is recorded once it is free, and holds up no other result', async () => {
  await database.empty();
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body) select 'http://receiver.example/', '{}' from generate_series(1, 2) returning id`,
  );
  const [locked = '', other = ''] = rows.map(({ id }) => id);
  await database.pool.query(
    `with begun as (insert into posthorn.attempts (webhook_id, number, worker) select webhook_id, 1, 1 from posthorn.queue)
     update posthorn.queue set attempts = 1, leased_by = 1, lease_until = now() + interval '1 min'`,
  );
  const locker = await database.pool.connect();
  await locker.query('begin');
  await locker.query('select from posthorn.queue where webhook_id = $1 for update', [locked]);
  await using engine = {
    pool: new pg.Pool({ connectionString: database.url, options: '-c lock_timeout=100ms' }),
    [Symbol.asyncDispose]: () => engine.pool.end(),
  };
  const recorder = createRecorder(engine.pool);
  recorder.add(failure(locked, { number: 1, statusCode: 500 }));
  recorder.add(failure(other, { number: 1, statusCode: 500 }));
  const leased = async () => {
    const found = await database.pool.query<{ id: string }>(
      'select webhook_id as id from posthorn.queue where leased_by = 1',
    );
    return found.rows.map(({ id }) => id);
  };
  await eventually(async () => !(await leased()).includes(other), 'the other is recorded');
  expect([await leased(), recorder.webhookIds]).toEqual([[locked], [locked]]);
  await locker.query('commit');
  locker.release();
  await recorder.drain();
  expect(await leased()).toEqual([]);
});

it('a late 2xx ends its webhook though it is put back, and that committed, between the statements that record it', async () => {
  await database.empty();
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body) values ('http://receiver.example/', '{}') returning id`,
  );
  const id = rows[0]?.id ?? '';
  await claimByHand(database, { id });
  await database.pool.query(
    `with ended as (delete from posthorn.queue returning webhook_id, outbox_id, lane, attempts)
     insert into posthorn.outcomes (webhook_id, outbox_id, lane, attempts, status, reason)
     select webhook_id, outbox_id, lane, attempts, 'failed', 'timeout' from ended`,
  );
  // The first of the statements looks for the webhook in the queue before this puts it there, the second looks for its outcome after.
  await database.pool.query(
    `create function public.put_back_once() returns trigger language plpgsql as $$
       begin
         if not exists (select from posthorn.former_outcomes) then
           perform posthorn.retry(new.webhook_id);
         end if;
         return null;
       end $$;
     create trigger put_back_once after update on posthorn.attempts
       for each row execute function public.put_back_once()`,
  );
  const recorder = createRecorder(database.pool);
  recorder.add({
    ...failure(id, { number: 1, statusCode: 200 }),
    verdict: { kind: 'delivered' },
    decision: { became: 'delivered' },
  });
  await recorder.drain();
  await database.pool.query('drop function public.put_back_once cascade');
  const { rows: ends } = await database.pool.query(
    `select f.status as before, o.status, o.last_status_code as code, (select count(*)::integer from posthorn.queue) as queued
     from posthorn.former_outcomes as f left join posthorn.outcomes as o using (webhook_id)`,
  );
  expect(ends).toEqual([{ before: 'failed', status: 'delivered', code: 200, queued: 0 }]);
});

it('a result whose row stays locked is given up when the worker stops', async () => {
  await database.empty();
  const { rows } = await database.pool.query<{ id: string; lane: string }>(
    `with endpoint as (insert into posthorn.endpoints (url, ordered) values ('http://receiver.example/', true) returning id, lane),
       said as (insert into posthorn.outbox (endpoint_id, body) select id, '' from endpoint returning id)
     select said.id, lane::text from said, endpoint`,
  );
  const { id = '', lane = '' } = rows[0] ?? {};
  await claimByHand(database, { id });
  const locker = await database.pool.connect();
  await locker.query('begin');
  await locker.query('select from posthorn.lane_rules for update');
  const recorder = createRecorder(database.pool, { patienceMs: 300 });
  let isSettled = false;
  const result = failure(id, { number: 1, statusCode: 500 });
  recorder.add({
    ...result,
    webhook: { ...result.webhook, lane },
    onSettled: () => {
      isSettled = true;
    },
  });
  await recorder.drain();
  expect([isSettled, recorder.webhookIds]).toEqual([true, []]);
  locker.release(true);
});
