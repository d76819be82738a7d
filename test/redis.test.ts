import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '../harness/receiver.ts';
import { hasRedis, type RedisServer, startRedis } from '../harness/redis.ts';
import { migrate } from '../src/db/migrate.ts';
import { createLog } from '../src/log.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';
import { registerEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';

// Two workers with a Redis that is flushed, killed, frozen or full of nonsense in mid-load: nothing is lost, nothing is
// sent twice, and delivery goes on.

let database: TestDatabase;
let redis: RedisServer;
let receiver: Receiver;
let engines: (Posthorn & AsyncDisposable)[];

describe.skipIf(!hasRedis)('with Redis, in mid-load', () => {
  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  beforeEach(async () => {
    redis = await startRedis();
    receiver = await startReceiver();
    const env = { REDIS_URL: redis.url };
    engines = await Promise.all([startEngine(database, { env }), startEngine(database, { env })]);
  });

  afterEach(async () => {
    await receiver.close();
    await Promise.all(engines.map((engine) => engine.stop()));
    await redis.stop();
  });

  it.each<[string, () => Promise<void>]>([
    ['nothing happens', async () => {}],
    ['it is flushed', async () => void (await redis.client.flushAll())],
    ['it is killed', () => redis.kill()],
    ['it is killed and started again', () => redis.restart()],
    ['it is frozen', async () => redis.signal('SIGSTOP')],
    ['somebody writes nonsense under our keys', writeNonsense],
  ])('when %s, everything is delivered once and goes on', async (_, happen) => {
    let inserted = 0;
    for (let round = 0; round < 10; round += 1) {
      await enqueue(100);
      inserted += 100;
      if (round === 5) await happen();
      // What comes after it does not wait either.
      await receiver.until((requests) => requests.length >= inserted);
    }
    redis.signal('SIGCONT');
    await eventually(async () => {
      const { rows } = await database.pool.query(
        `select count(*)::integer as delivered from posthorn.outcomes where status = 'delivered'`,
      );
      const left = await database.pool.query('select from posthorn.queue');
      return left.rowCount === 0 && rows[0].delivered >= inserted;
    }, 'all is recorded');
    const ids = receiver.requests.map(({ headers }) => headers['x-webhook-id']);
    expect(new Set(ids).size).toBe(inserted);
    expect(ids).toHaveLength(inserted);
  });

  it('finds what only a scan finds, though Redis says that others scan and knows of nothing', async () => {
    const endpoint = await startReceiver();
    // Behind the window: only a scan of the lanes finds it.
    await database.pool.query('alter table posthorn.outbox disable trigger outbox_to_queue');
    const { rows } = await database.pool.query(
      `insert into posthorn.outbox (url, body) values ($1, '{}') returning id`,
      [endpoint.url],
    );
    await database.pool.query('alter table posthorn.outbox enable trigger outbox_to_queue');
    await database.pool.query(
      `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
       values ($1, $1, posthorn.lane_of($2::text), 1, now() - interval '1 hour')`,
      [rows[0].id, endpoint.url],
    );
    await endpoint.until((requests) => requests.length === 1);
    await endpoint.close();
  });
});

describe.skipIf(!hasRedis)('while another worker scans the lanes for all', () => {
  it('what was missed of a limited lane is found by its owner at its next look', async () => {
    await using database = await createTestDatabase();
    await using receiver = await startReceiver();
    const redis = await startRedis();
    const engine = await startEngine(database, {
      env: { REDIS_URL: redis.url },
      timings: { scanEveryMs: 500 },
    });
    try {
      // One request is under way all the time, so that the lane does not become idle.
      receiver.answer(() => {});
      const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 2 });
      await endpoint.enqueue(1);
      await receiver.until((requests) => requests.length === 1);
      // Somebody else scans, and nothing of it concerns this worker.
      const [lock = ''] = await eventually(async () => {
        const keys = await redis.client.keys('posthorn:*:scan');
        return keys.length > 0 && keys;
      }, 'the first scan');
      await redis.client.set(lock, '1', { expiration: { type: 'PX', value: 60_000 } });
      // Behind the window: only a look at the lane finds it.
      await database.pool.query(
        `begin;
         alter table posthorn.outbox disable trigger outbox_to_queue;
         insert into posthorn.outbox (endpoint_id, body) select id, '2' from posthorn.endpoints;
         alter table posthorn.outbox enable trigger outbox_to_queue;
         insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
         select o.id, o.id, e.lane, 1, now() - interval '1 hour'
         from posthorn.outbox as o
         join posthorn.endpoints as e on e.id = o.endpoint_id
         where o.body = '2';
         commit`,
      );
      await receiver.until((requests) => requests.length === 2);
    } finally {
      await receiver.close();
      await engine.stop();
      await redis.stop();
    }
  });
});

async function writeNonsense(): Promise<void> {
  for (const key of await redis.client.keys('posthorn:*')) await redis.client.unlink(key);
  const { identity } = await migrate({ databaseUrl: database.url, log: createLog('silent') });
  const prefix = `posthorn:{${identity}}:`;
  await redis.client.set(`${prefix}scan`, 'for ever');
  await redis.client.set(`${prefix}wake`, 'a string');
  await redis.client.zAdd(`${prefix}lanes`, [
    { value: 'nonsense', score: 1 },
    { value: '12345:0', score: 1 },
    { value: '-9:2', score: Number.NEGATIVE_INFINITY },
  ]);
}

async function enqueue(count: number): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, body)
     select $1 || '/' || n % 20, '{}' from generate_series(1, $2::integer) as n`,
    [receiver.url, count],
  );
}
