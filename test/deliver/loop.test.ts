import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '../../harness/receiver.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createTestLoop } from '../support/loop.ts';

// The delivery loop without a worker around it: how many slots a lane gets, and what becomes of what is claimed during a stop.

let database: TestDatabase;
let receiver: Receiver;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(async () => {
  await database.empty();
  receiver = await startReceiver();
  return () => receiver.close();
});

async function enqueue(url: string, count: number): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, body) select $1, '{}' from generate_series(1, $2::integer)`,
    [url, count],
  );
}

describe('a receiver that hangs', () => {
  it.each([
    { maxInFlight: 8, one: 4, other: 2 },
    { maxInFlight: 5, one: 3, other: 1 },
  ])(
    'takes half of $maxInFlight slots, and three quarters with others that hang',
    async ({ maxInFlight, one, other }) => {
      await using neighbour = await startReceiver();
      await using test = createTestLoop(database.pool, { maxInFlight });
      for (const each of [receiver, neighbour]) each.answer(() => {});
      await test.loop.warmUp(1);
      const ran = test.run();
      await enqueue(`${receiver.url}/hangs`, 2 * maxInFlight);
      await receiver.until((requests) => requests.length === one);
      await enqueue(`${neighbour.url}/hangs`, 2 * maxInFlight);
      await neighbour.until((requests) => requests.length === other);
      expect([receiver.requests.length, test.sender.inFlight]).toEqual([one, one + other]);
      test.loop.stop();
      await ran;
    },
  );

  it('leaves the whole of one slot to one lane', async () => {
    await using test = createTestLoop(database.pool, { maxInFlight: 1 });
    await test.loop.warmUp(1);
    const ran = test.run();
    await enqueue(`${receiver.url}/one-by-one`, 3);
    await receiver.until((requests) => requests.length === 3);
    test.loop.stop();
    await ran;
  });
});

describe('what is claimed while the loop stops', () => {
  /** Runs the loop into a statement that waits for a lock, stops it, and lets the lock go. */
  async function stopWhileClaiming(): Promise<string[]> {
    const listener = new pg.Client({ connectionString: database.url });
    await listener.connect();
    const heard: string[] = [];
    listener.on('notification', ({ payload = '' }) => heard.push(payload));
    await using test = createTestLoop(database.pool);
    await test.loop.warmUp(1);
    const locker = new pg.Client({ connectionString: database.url });
    await locker.connect();
    await locker.query('begin');
    await locker.query('lock table posthorn.attempts in share mode');
    const ran = test.run();
    try {
      await eventually(async () => {
        const { rows } = await database.pool.query(
          `select from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock'
             and (query like '-- Takes the probes%' or query like '-- Finds the lanes%')`,
        );
        return rows.length > 0;
      }, 'a claim waits');
      await listener.query('listen posthorn_wake');
      test.loop.stop();
    } finally {
      await locker.end();
    }
    await ran;
    expect(test.sender.inFlight).toBe(0);
    // Notifications come in order: what was sent before this has been heard.
    await database.pool.query(`select pg_notify('posthorn_wake', 'the end')`);
    await eventually(async () => heard.includes('the end'), 'notifications have come');
    await listener.end();
    return heard;
  }

  async function expectNothingHappened(): Promise<void> {
    expect(receiver.requests).toEqual([]);
    const { rows } = await database.pool.query(
      `select attempts, uncounted, leased_by, lease_until is null as is_free,
         (select count(*)::integer from posthorn.attempts) as begun
       from posthorn.queue`,
    );
    const untouched = { attempts: 0, uncounted: 0, leased_by: null, is_free: true, begun: 0 };
    expect(rows).toEqual(rows.map(() => untouched));
    expect(rows.length).toBeGreaterThan(0);
  }

  it('is given back: it was never tried, and the other workers are told of it', async () => {
    await enqueue(`${receiver.url}/never`, 3);
    expect(await stopWhileClaiming()).toContain('scan');
    await expectNothingHappened();
  });

  it('is given back too when it is the probe of a lane, which may be asked at once by another worker', async () => {
    await enqueue(`${receiver.url}/never`, 2);
    await database.pool.query(
      `insert into posthorn.breakers (key, url, state, trips, open_until)
       select posthorn.lane_of(url), url, 'open', 1, now() - interval '1 s'
       from (select $1::text as url) as one`,
      [`${receiver.url}/never`],
    );
    expect(await stopWhileClaiming()).toContain('scan');
    await expectNothingHappened();
    const { rows } = await database.pool.query(
      'select state, trips, probe_until, probe_webhook, probe_attempt from posthorn.breakers',
    );
    const free = { probe_until: null, probe_webhook: null, probe_attempt: null };
    expect(rows).toEqual([{ state: 'open', trips: 1, ...free }]);
  });
});

it('what cannot be given back of an ordered lane is freed like what nobody knows of', async () => {
  await database.pool.query(
    `create function public.refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
     create trigger refuse before delete on posthorn.attempts for each row execute function public.refuse()`,
  );
  try {
    await using test = createTestLoop(database.pool);
    receiver.answer((_request, response) => {
      response.statusCode = receiver.requests.length < 3 ? 200 : 500;
      response.end();
    });
    await test.loop.warmUp(1);
    const ran = test.run();
    await database.pool.query(
      `with endpoint as (insert into posthorn.endpoints (url, ordered) values ($1, true) returning id)
       insert into posthorn.outbox (endpoint_id, body) select id, '' from endpoint, generate_series(1, 6)`,
      [receiver.url],
    );
    await eventually(async () => test.released.length > 0, 'leases are to be freed');
    expect([test.released, test.sender.webhookIds]).toEqual([[1], []]);
    test.loop.stop();
    await ran;
  } finally {
    await database.pool.query('drop function public.refuse cascade');
  }
});
