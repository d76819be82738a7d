import type { ServerResponse } from 'node:http';
import type { PoolClient } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { createEvents } from '../src/events.ts';
import { createLog } from '../src/log.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { rescueDeadWorkers } from '../src/worker/rescue.ts';
import { createTestDatabase } from './support/database.ts';
import { registerEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { forEachTest, forFile } from './support/world.ts';

// Somebody has changed an endpoint in a transaction that stays open, and so has its rows locked: what belongs to it waits, and
// nothing else does.

const database = forFile(createTestDatabase);
const receiver = forEachTest(startReceiver);
let holding: PoolClient[] = [];

beforeEach(() => database.empty());

afterEach(() => {
  for (const client of holding) client.release(true);
  holding = [];
});

async function hold(statement: string): Promise<PoolClient> {
  const client = await database.pool.connect();
  holding.push(client);
  await client.query('begin');
  await client.query(statement);
  return client;
}

async function one<Value>(select: string): Promise<Value | undefined> {
  const { rows } = await database.pool.query<{ value: Value }>(select);
  return rows[0]?.value;
}

const delivered = () =>
  one<number>(
    `select count(*)::integer as value from posthorn.outcomes where status = 'delivered'`,
  );

describe('while an endpoint is locked', () => {
  let engine: Posthorn & AsyncDisposable;
  let open: ServerResponse[] = [];

  beforeAll(async () => {
    engine = await startEngine(database);
  });
  afterAll(() => engine.stop());

  beforeEach(() => {
    open = [];
    receiver.answer((request, response) => {
      if (request.path === '/slow') open.push(response);
      else response.end();
    });
  });

  /** Of an endpoint with these settings one webhook is being sent, and some more wait. */
  async function sending(settings: Record<string, string | number | boolean | number[]>) {
    const endpoint = await registerEndpoint(database, { url: `${receiver.url}/slow`, ...settings });
    await endpoint.enqueue(3);
    await eventually(async () => open.length > 0, 'the first one is being sent');
    return endpoint;
  }

  function answer(status: number): void {
    for (const response of open.splice(0)) response.writeHead(status).end();
  }

  /** More than fit into the statements that are written at a time; all of them are recorded. */
  async function othersGoOn(): Promise<void> {
    const before = (await delivered()) ?? 0;
    for (let more = 1; more <= 4; more += 1) {
      await database.pool.query(
        `insert into posthorn.outbox (url, body) select $1, 'x' from generate_series(1, 20)`,
        [`${receiver.url}/plain`],
      );
      // Well within the ten seconds that a statement of the engine waits for a lock.
      await eventually(
        async () => (await delivered()) === before + more * 20,
        'all others are recorded',
        8_000,
      );
    }
  }

  it('the failure of its first webhook holds up no other lane, and is recorded once it is free', async () => {
    const endpoint = await sending({ ordered: true, retry_schedule_s: [3_600] });
    const client = await hold('update posthorn.endpoints set max_in_flight = 7');
    // As if the lease were about to run out.
    await database.pool.query(
      `update posthorn.queue set lease_until = now() + interval '20 seconds' where lease_until is not null`,
    );
    answer(500);
    await othersGoOn();
    await eventually(
      () =>
        one<boolean>(
          `select lease_until > now() + interval '40 seconds' as value from posthorn.queue where leased_by is not null`,
        ),
      'the lease is kept',
    );
    await client.query('commit');
    await eventually(
      async () => (await endpoint.row())['retry_at'] !== null,
      'the lane waits for its first one',
    );
    expect(await one('select count(*)::integer as value from posthorn.queue')).toBe(3);
    expect(receiver.requests.filter(({ path }) => path === '/slow')).toHaveLength(1);
  });

  it('a late 2xx frees its lane once that is free', async () => {
    const endpoint = await sending({ ordered: true });
    // It was taken for dead, and another worker was answered with an error.
    await database.pool.query(
      `with again as (
         update posthorn.queue set attempts = 2, leased_by = null, lease_until = null
         where lease_until is not null returning webhook_id, lane)
       update posthorn.lane_rules as r
       set retry_at = now() + interval '1 hour', retry_of = a.webhook_id
       from again as a where a.lane = r.lane`,
    );
    const client = await hold('select from posthorn.lane_rules for update');
    answer(200);
    await othersGoOn();
    expect((await endpoint.row())['retry_at']).not.toBeNull();
    await client.query('commit');
    await eventually(async () => open.length > 0, 'the next one is sent');
  });

  it('its breaker is told of a success, and of failures, once it is free', async () => {
    const insert = `insert into posthorn.breakers (key, url, consecutive) select lane, url, 3 from posthorn.endpoints`;
    const count = () =>
      one<number>(
        'select consecutive as value from posthorn.breakers join posthorn.endpoints on lane = key',
      );
    await sending({ retry_schedule_s: [3_600], max_in_flight: 1 });
    await database.pool.query(insert);
    const client = await hold('select from posthorn.breakers for update');
    answer(500);
    await eventually(async () => open.length > 0, 'the second one is being sent');
    await othersGoOn();
    expect(await count()).toBe(3);
    await client.query('commit');
    await eventually(async () => (await count()) === 4, 'the failure is counted');
    const again = await hold('select from posthorn.breakers for update');
    answer(200);
    await eventually(async () => open.length > 0, 'the third one is being sent');
    await othersGoOn();
    expect(await count()).toBe(4);
    await again.query('commit');
    await eventually(async () => (await count()) === undefined, 'the breaker is gone');
  });

  it('its answers 410 are counted once it is free, and disable it', async () => {
    const endpoint = await sending({ max_in_flight: 1 });
    const client = await hold(`update posthorn.endpoints set description = 'changed'`);
    answer(410);
    await eventually(async () => open.length > 0, 'the second one is being sent');
    answer(410);
    await othersGoOn();
    expect(await endpoint.row()).toMatchObject({ status: 'active', gone_answers: 0 });
    await client.query('commit');
    await eventually(
      async () => (await endpoint.row())['status'] === 'disabled',
      'it is disabled by the second',
    );
  });
});

describe('the rescue of a dead worker', () => {
  const options = { keep: [], events: createEvents(), log: createLog('silent') };
  const leased = () =>
    one<number>('select count(*)::integer as value from posthorn.queue where leased_by = 7');

  /** Worker 7 died while it was sending one webhook of an endpoint and twenty others. */
  beforeEach(async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, ordered: true });
    await endpoint.enqueue(1);
    await database.pool.query(`
      insert into posthorn.outbox (url, body) select 'http://a.example/' || n, 'x' from generate_series(1, 20) as n;
      insert into posthorn.workers (number, host, pid, version) values (7, 'host', 1, '1.2.3');
      update posthorn.lane_rules set owner = 7;
      update posthorn.queue set leased_by = 7, lease_until = now() + interval '1 hour', attempts = 1;`);
  });
  afterEach(() => database.pool.query('delete from posthorn.workers where number = 7'));

  const locks = [
    { what: 'its lane', locks: 'update posthorn.endpoints set max_in_flight = 7', left: 0 },
    {
      what: 'its lane, which is to wait after several deaths',
      before:
        'update posthorn.queue set uncounted = 5 where lane in (select lane from posthorn.endpoints)',
      locks: 'update posthorn.endpoints set max_in_flight = 7',
      left: 1,
    },
    {
      what: 'its breaker, whose probe it was',
      before: `insert into posthorn.breakers (key, url, state, probe_until, probe_webhook, probe_attempt)
        select lane, '', 'open', lease_until, webhook_id, attempts from posthorn.queue
        where lane in (select lane from posthorn.endpoints)`,
      locks: 'select from posthorn.breakers for update',
      left: 1,
    },
    {
      what: 'its row of the queue',
      locks:
        'select from posthorn.queue where lane in (select lane from posthorn.endpoints) for update',
      left: 1,
    },
  ];

  it.each(locks)(
    'frees all others while somebody has locked $what, and that one later',
    async ({ before, locks: statement, left }) => {
      if (before !== undefined) await database.pool.query(before);
      const client = await hold(statement);
      expect(await rescueDeadWorkers(database.pool, options)).toEqual([7]);
      expect(await leased()).toBe(left);
      await client.query('commit');
      await rescueDeadWorkers(database.pool, options);
      expect(await leased()).toBe(0);
      expect(await one('select true as value from posthorn.workers where number = 7')).toBe(
        undefined,
      );
      expect(
        await one('select true as value from posthorn.breakers where probe_until is not null'),
      ).toBe(undefined);
    },
  );

  it('leaves a lane that somebody has locked to the worker that finds work in it', async () => {
    const client = await hold('update posthorn.endpoints set max_in_flight = 7');
    await rescueDeadWorkers(database.pool, options);
    await client.query('commit');
    await using _engine = await startEngine(database);
    await receiver.until((requests) => requests.length === 1);
  });
});
