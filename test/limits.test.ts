import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Received, startReceiver } from '../harness/receiver.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { createTestDatabase } from './support/database.ts';
import { registerEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { measureLoad } from './support/load.ts';
import { forEachTest, forFile } from './support/world.ts';

// The limits of registered endpoints, over three workers: most in flight, rate, order. How a limit goes from one worker to another
// is in limits-owner.test.ts.

const database = forFile(createTestDatabase);
let engines: (Posthorn & AsyncDisposable)[];
const receiver = forEachTest(startReceiver);

beforeAll(async () => {
  // Without their backstop, the scan of all lanes, what is missed is never sent.
  const timings = { scanEveryMs: 3_600_000 };
  engines = await Promise.all([1, 2, 3].map(() => startEngine(database, { timings })));
});

afterAll(() => Promise.all(engines.map((engine) => engine.stop())));

beforeEach(() => database.empty());

describe('max_in_flight', () => {
  it('holds over all workers, and all of it is used', async () => {
    const load = measureLoad(receiver);
    const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 3 });
    await endpoint.enqueue(200);
    await receiver.until((requests) => requests.length === 200);
    expect(load.most).toBe(3);
    expect(new Set(receiver.requests.map(({ body }) => body.toString())).size).toBe(200);
  });

  it('holds when it is changed while webhooks are on their way', async () => {
    const load = measureLoad(receiver);
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
});

describe('an ordered endpoint', () => {
  it('gets one at a time, in the order of sending, whatever the priorities', async () => {
    const load = measureLoad(receiver);
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

  it('is probed with the first that waits when its breaker is open', async () => {
    const endpoint = await registerEndpoint(database, {
      url: receiver.url,
      ordered: true,
      status: 'paused',
    });
    await endpoint.enqueue(5);
    await database.pool.query(
      `insert into posthorn.breakers (key, url, state, consecutive, trips, open_until)
       select lane, url, 'open', 9, 1, now() from posthorn.endpoints`,
    );
    await endpoint.set({ status: 'active' });
    await receiver.until((requests) => requests.length === 5);
    expect(bodiesOf(receiver.requests)).toEqual(upTo(5));
  });
});

describe('what limits an endpoint', () => {
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
