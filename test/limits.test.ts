import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lockClass } from '../src/db/names.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';
import { registerEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { spawnWorker } from './support/process.ts';
import { type Received, type Receiver, startReceiver } from './support/receiver.ts';

// The limits of registered endpoints, over three workers: most in flight, rate, order.

let database: TestDatabase;
let engines: (Posthorn & AsyncDisposable)[];
let receiver: Receiver;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(async () => {
  await database.empty();
  receiver = await startReceiver();
  engines = await Promise.all([1, 2, 3].map(() => startEngine(database)));
});

afterEach(async () => {
  await receiver.close();
  await Promise.all(engines.map((engine) => engine.stop()));
});

describe('max_in_flight', () => {
  it('holds over all workers, and all of it is used', async () => {
    const load = measureLoad();
    const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 3 });
    await endpoint.enqueue(200);
    await receiver.until((requests) => requests.length === 200);
    expect(load.most).toBe(3);
    expect(new Set(receiver.requests.map(({ body }) => body.toString())).size).toBe(200);
  });

  it('holds when it is changed while webhooks are on their way', async () => {
    const load = measureLoad();
    const endpoint = await registerEndpoint(database, { url: receiver.url });
    await endpoint.enqueue(300);
    await receiver.until((requests) => requests.length >= 50);
    await endpoint.set({ max_in_flight: 2 });
    await eventually(
      async () => (await endpoint.row())['owner'] !== null,
      'a worker keeps the limit',
    );
    // What was under way then has ended by now.
    const known = receiver.requests.length;
    await receiver.until((requests) => requests.length >= known + 40);
    load.most = load.now;
    await receiver.until((requests) => requests.length >= known + 80);
    expect(load.most).toBeLessThanOrEqual(2);
    await endpoint.set({ max_in_flight: null });
    await receiver.until((requests) => requests.length === 300);
  });

  it('holds when the worker that sends is stopped, and another goes on', async () => {
    const load = measureLoad();
    const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 2 });
    await endpoint.enqueue(120);
    await receiver.until((requests) => requests.length >= 20);
    const { owner } = await endpoint.row();
    await engines[Number(owner) - 1]?.stop();
    await receiver.until((requests) => requests.length === 120);
    expect(load.most).toBe(2);
  });
});

describe('rate_limit_per_s', () => {
  it('spreads requests evenly, whoever sends them', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, rate_limit_per_s: 50 });
    await endpoint.enqueue(100);
    await receiver.until((requests) => requests.length === 100);
    const times = receiver.requests.map(({ atMs }) => atMs);
    // 5 at once at first, and then 50 a second.
    const tookMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
    expect(tookMs).toBeGreaterThan(1_800);
    // Not all of a second at once, though a busy machine may let some of them wait for each other.
    for (const from of times) {
      expect(times.filter((at) => at >= from && at < from + 200).length).toBeLessThanOrEqual(40);
    }
  });

  it('holds though the worker that kept it is killed', async () => {
    await Promise.all(engines.map((engine) => engine.stop()));
    await using first = await spawnWorker(database.url);
    const endpoint = await registerEndpoint(database, { url: receiver.url, rate_limit_per_s: 20 });
    await endpoint.enqueue(50);
    await receiver.until((requests) => requests.length >= 15);
    await using _second = await spawnWorker(database.url);
    await first.end('SIGKILL');
    await eventually(async () => {
      const { rows } = await database.pool.query(
        `select count(*)::integer as done from posthorn.outcomes where status = 'delivered'`,
      );
      return rows[0].done === 50;
    }, 'all are delivered');
    const times = receiver.requests.map(({ atMs }) => atMs);
    // 35 were left when it was killed, and take 1.75 s.
    for (const from of times) {
      expect(times.filter((at) => at >= from && at < from + 900).length).toBeLessThanOrEqual(30);
    }
  });
});

describe('an ordered endpoint', () => {
  it('gets one at a time, in the order of sending, whatever the priorities', async () => {
    const load = measureLoad();
    const endpoint = await registerEndpoint(database, { url: receiver.url, ordered: true });
    for (const priority of ['low', 'high', 'normal', 'high']) {
      await endpoint.enqueue(25, { priority });
    }
    await receiver.until((requests) => requests.length === 100);
    expect(bodiesOf(receiver.requests)).toEqual(upTo(100));
    expect(load.most).toBe(1);
  });

  it('does not pass over one that is to be tried again', async () => {
    let failures = 2;
    receiver.answer((request, response) => {
      const fails = request.body.toString() === '3' && failures > 0;
      if (fails) failures -= 1;
      response.statusCode = fails ? 500 : 200;
      response.end();
    });
    const endpoint = await registerEndpoint(database, {
      url: receiver.url,
      ordered: true,
      retry_schedule_s: [1, 1],
    });
    await endpoint.enqueue(10);
    await receiver.until((requests) => requests.length >= 3);
    const held = await eventually(async () => {
      const { rows } = await database.pool.query(
        `select distinct waits_for from posthorn.webhooks where status = 'pending'`,
      );
      return rows.length === 1 && rows[0].waits_for !== 'slot' && rows;
    }, 'the later ones wait');
    expect(held).toEqual([{ waits_for: 'retry_of_the_first' }]);
    await receiver.until((requests) => requests.length === 12);
    expect(bodiesOf(receiver.requests)).toEqual([1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10]);
    const [first, second] = receiver.requests.filter(({ body }) => body.toString() === '3');
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('goes on at once when the one that holds it up is cancelled', async () => {
    receiver.answer((request, response) => {
      response.statusCode = request.body.toString() === '1' ? 500 : 200;
      response.end();
    });
    const endpoint = await registerEndpoint(database, {
      url: receiver.url,
      ordered: true,
      retry_schedule_s: [3_600],
    });
    await endpoint.enqueue(3);
    const { id } = await eventually(async () => {
      const { rows } = await database.pool.query<{ id: string }>(
        `select id from posthorn.webhooks where attempts = 1 and waits_for = 'retry_of_the_first'`,
      );
      return rows[0];
    }, 'the first one is to be tried again in an hour');
    const { rows } = await database.pool.query('select posthorn.cancel($1) as cancelled', [id]);
    expect(rows).toEqual([{ cancelled: true }]);
    await receiver.until((requests) => requests.length === 3);
    expect(bodiesOf(receiver.requests)).toEqual([1, 2, 3]);
  });

  it('goes on with the next when one has failed for good', async () => {
    receiver.answer((request, response) => {
      response.statusCode = request.body.toString() === '2' ? 400 : 200;
      response.end();
    });
    const endpoint = await registerEndpoint(database, { url: receiver.url, ordered: true });
    await endpoint.enqueue(4);
    await receiver.until((requests) => requests.length === 4);
    expect(bodiesOf(receiver.requests)).toEqual([1, 2, 3, 4]);
  });

  it('keeps its order though the worker that sends is killed', async () => {
    await Promise.all(engines.map((engine) => engine.stop()));
    await using first = await spawnWorker(database.url);
    await using _second = await spawnWorker(database.url);
    const endpoint = await registerEndpoint(database, { url: receiver.url, ordered: true });
    const unanswered: ServerResponse[] = [];
    receiver.answer((request, response) => {
      if (request.body.toString() === '20' && unanswered.length === 0) unanswered.push(response);
      else response.end();
    });
    await endpoint.enqueue(40);
    await receiver.until((requests) => requests.length >= 20);
    const { owner } = await endpoint.row();
    const { rows } = await database.pool.query<{ pid: number }>(
      'select pid from posthorn.workers where number = $1',
      [owner],
    );
    const killed = rows[0]?.pid === first.child.pid ? first : _second;
    await killed.end('SIGKILL');
    await receiver.until((requests) => requests.length === 41);
    expect(bodiesOf(receiver.requests)).toEqual([...upTo(20), ...upTo(40).slice(19)]);
  });

  it('is probed with the first that waits when its breaker is open', async () => {
    const endpoint = await registerEndpoint(database, {
      url: receiver.url,
      ordered: true,
      status: 'paused',
    });
    await endpoint.enqueue(5);
    await database.pool.query(
      `insert into posthorn.breakers (lane, url, state, consecutive, trips, open_until)
       select lane, url, 'open', 9, 1, now() from posthorn.endpoints`,
    );
    await endpoint.set({ status: 'active' });
    await receiver.until((requests) => requests.length === 5);
    expect(bodiesOf(receiver.requests)).toEqual(upTo(5));
  });
});

describe('what limits an endpoint', () => {
  it('has one owner at a time; an idle one is given up', async () => {
    const endpoints = await Promise.all(
      upTo(20).map((n) =>
        registerEndpoint(database, { url: `${receiver.url}/${n}`, max_in_flight: 1 }),
      ),
    );
    await Promise.all(endpoints.map((endpoint) => endpoint.enqueue(5)));
    await receiver.until((requests) => requests.length === 100);
    const { rows } = await database.pool.query(
      'select count(owner)::integer as owned from posthorn.lane_rules',
    );
    expect(rows[0].owned).toBe(20);
    await eventually(async () => {
      const left = await database.pool.query(
        'select from posthorn.lane_rules where owner is not null',
      );
      return left.rowCount === 0;
    }, 'all are free again');
  }, 30_000);

  it('is taken over from a worker that is frozen, and not from one that works', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 1 });
    // As a frozen worker: it holds its lock, and does nothing.
    const session = await database.pool.connect();
    await session.query('select pg_advisory_lock($1, 77)', [lockClass]);
    await session.query(
      `insert into posthorn.workers (number, host, pid, version, seen_at)
       values (77, 'frozen', 1, '1.2.3', now() + interval '1 hour')`,
    );
    await database.pool.query('update posthorn.lane_rules set owner = 77');
    await endpoint.enqueue(3);
    const scans = Promise.all(engines.map(({ events }) => once(events, 'scanned')));
    await scans;
    expect(receiver.requests).toHaveLength(0);
    await session.query(
      `update posthorn.workers set seen_at = now() - interval '21 s' where number = 77`,
    );
    await receiver.until((requests) => requests.length === 3);
    await session.query('delete from posthorn.workers where number = 77');
    await session.query('select pg_advisory_unlock($1, 77)', [lockClass]);
    session.release();
  }, 30_000);

  it('costs its neighbours nothing', async () => {
    const slow = await registerEndpoint(database, {
      url: `${receiver.url}/slow`,
      rate_limit_per_s: 0.5,
    });
    await slow.enqueue(5_000);
    await database.pool.query(
      `insert into posthorn.outbox (url, body)
       select $1 || '/fast' || n % 10, '{}' from generate_series(1, 500) as n`,
      [receiver.url],
    );
    await receiver.until(
      (requests) => requests.filter(({ path }) => path !== '/slow').length === 500,
    );
  });
});

function bodiesOf(requests: readonly Received[]): number[] {
  return requests.map(({ body }) => Number(body.toString()));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}

/** Answers after 15 ms, and counts how many requests are under way. */
function measureLoad(): { now: number; most: number } {
  const load = { now: 0, most: 0 };
  receiver.answer((_request, response) => {
    load.now += 1;
    load.most = Math.max(load.most, load.now);
    setTimeout(() => {
      load.now -= 1;
      response.end();
    }, 15);
  });
  return load;
}
