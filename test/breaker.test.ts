import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { createTestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { forEachTest, forFile } from './support/world.ts';

// A lane that is down: it is left alone, asked now and then, and taken up again slowly. Two workers share the breaker.

const database = forFile(createTestDatabase);
let engines: (Posthorn & AsyncDisposable)[];

beforeEach(async () => {
  await database.empty();
  engines = await Promise.all([startEngine(database), startEngine(database)]);
});

afterEach(() => Promise.all(engines.map((engine) => engine.stop())));

// Closes before the engines stop, so that none of them waits for an answer that never comes.
const receiver = forEachTest(startReceiver);

describe('a lane that fails', () => {
  it('keeps its breaker closed with four failures in a row, and opens it with the fifth', async () => {
    failWith(500);
    await enqueue(3);
    await counted(3);
    await age('failing_since', 60);
    await enqueue(1);
    await counted(4);
    expect(await breaker()).toMatchObject({ state: 'closed', trips: 0 });
    await enqueue(1);
    await counted(5);
    expect(await breaker()).toMatchObject({ state: 'open', trips: 1 });
  });

  it('opens its breaker when its failures are spread over ten seconds, and not for six at once', async () => {
    failWith(500);
    await enqueue(6);
    await counted(6);
    expect(await breaker()).toMatchObject({ state: 'closed', trips: 0 });
    await age('failing_since', 11);
    await enqueue(1);
    const open = await eventually(async () => {
      const row = await breaker();
      return row?.['state'] === 'open' && row;
    }, 'the breaker opens');
    expect(open).toMatchObject({
      consecutive: 7,
      trips: 1,
      last_error: 'http_500',
      url: `${receiver.url}/hook`,
    });
    expect(open['opens_for_s']).toBeGreaterThan(23);
    expect(open['opens_for_s']).toBeLessThan(37);
  });

  it('costs no write and no request while it is open, and its neighbours notice nothing', async () => {
    await openBreaker();
    const before = receiver.requests.length;
    await enqueue(200);
    const versions = await queueVersions();
    const neighbour = await startReceiver();
    await enqueue(50, `${neighbour.url}/hook`);
    await neighbour.until((requests) => requests.length === 50);
    await neighbour.close();
    expect(receiver.requests).toHaveLength(before);
    expect(await queueVersions()).toEqual(versions);
    const { rows } = await database.pool.query(
      'select from posthorn.queue where attempts > 0 and lane = posthorn.lane_of($1)',
      [`${receiver.url}/hook`],
    );
    // Only those that failed before wait for their retry.
    expect(rows).toHaveLength(7);
  });

  it('is asked by one probe per interval over all workers; a failure doubles the interval', async () => {
    await openBreaker();
    await enqueue(100);
    const before = receiver.requests.length;
    await age('open_until', 60);
    await receiver.until((requests) => requests.length > before);
    const again = await eventually(async () => {
      const row = await breaker();
      return row?.['trips'] === 2 && row;
    }, 'the breaker opens again');
    expect(again['opens_for_s']).toBeGreaterThan(47);
    expect(again['opens_for_s']).toBeLessThan(73);
    expect(again).toMatchObject({ state: 'open', probe_until: null });
    expect(receiver.requests).toHaveLength(before + 1);
  });

  it('is taken up again as soon as a probe succeeds', async () => {
    await openBreaker();
    await enqueue(100);
    const before = receiver.requests.length;
    receiver.answer((_request, response) => response.end());
    const closed = Promise.race(engines.map(({ events }) => once(events, 'breakersClosed')));
    await age('open_until', 60);
    await closed;
    await receiver.until((requests) => requests.length >= before + 100);
    await eventually(async () => (await breaker()) === undefined, 'the breaker is gone');
  });

  it('gets another probe when the prober died', async () => {
    await openBreaker();
    await enqueue(1);
    const before = receiver.requests.length;
    receiver.answer(() => {});
    await age('open_until', 60);
    await receiver.until((requests) => requests.length === before + 1);
    receiver.answer((_request, response) => response.end());
    // What a death leaves: a lease that runs out, of the webhook and of the probe.
    await database.pool.query(
      `update posthorn.queue set lease_until = now() - interval '1 s', leased_by = 99 where lease_until is not null`,
    );
    await age('probe_until', 200);
    await receiver.until((requests) => requests.length === before + 2);
    await eventually(async () => (await breaker()) === undefined, 'the breaker is gone');
  });

  it('shows in psql why its webhooks wait', async () => {
    await openBreaker();
    await enqueue(1);
    const { rows } = await database.pool.query(
      `select b.url, b.state, count(*)::integer as backlog
       from posthorn.breakers as b join posthorn.queue as q on q.lane = b.key
       group by b.url, b.state`,
    );
    expect(rows).toEqual([{ url: `${receiver.url}/hook`, state: 'open', backlog: 8 }]);
  });
});

it('a receiver that asks for a pause by 429 and Retry-After is left alone as a whole', async () => {
  receiver.answer((_request, response) => {
    response.writeHead(429, { 'retry-after': '120' });
    response.end();
  });
  await enqueue(1);
  // Its row is there a moment before the pause is in it.
  const row = await eventually(async () => {
    const found = await breaker();
    return typeof found?.['throttled_for_s'] === 'number' && found;
  }, 'the lane is throttled');
  expect(row['state']).toBe('closed');
  expect(row['throttled_for_s']).toBeGreaterThan(110);
  const before = receiver.requests.length;
  await enqueue(20);
  const neighbour = await startReceiver();
  await enqueue(20, `${neighbour.url}/hook`);
  await neighbour.until((requests) => requests.length === 20);
  await neighbour.close();
  expect(receiver.requests).toHaveLength(before);
  receiver.answer((_request, response) => response.end());
  await age('throttled_until', 130);
  await receiver.until((requests) => requests.length === before + 20);
});

it.each([
  ['refuses each payload (422)', 422],
  ['gets too many requests, and does not say for how long (429)', 429],
])('a lane that %s has no breaker', async (_what, statusCode) => {
  failWith(503);
  await enqueue(4);
  await counted(4);
  await age('failing_since', 60);
  failWith(statusCode);
  await enqueue(6);
  await attempted(10);
  await eventually(async () => (await breaker()) === undefined, 'the breaker is gone');
});

it('a lane that answers now and then keeps its breaker closed', async () => {
  let count = 0;
  receiver.answer((_request, response) => {
    count += 1;
    response.statusCode = count % 4 === 0 ? 200 : 503;
    response.end();
  });
  for (let round = 0; round < 5; round += 1) {
    await enqueue(8);
    await attempted(8 * (round + 1));
    await age('failing_since', 5);
  }
  expect((await breaker())?.['state'] ?? 'closed').toBe('closed');
});

it('a lane that never failed has no row', async () => {
  await enqueue(100);
  await receiver.until((requests) => requests.length === 100);
  await attempted(100);
  expect(await breaker()).toBeUndefined();
});

it('an outage of our own opens nothing', async () => {
  const [engine, other] = engines;
  await other?.stop();
  if (engine === undefined) throw new Error('no engine');
  const down = once(engine.events, 'egress');
  let counted = 0;
  engine.events.on('recorded', ({ results }) => {
    counted += results;
  });
  // Nobody listens there: refused, by forty origins at once.
  await database.pool.query(
    `insert into posthorn.outbox (url, body)
     select 'http://127.0.0.' || n || ':1/lane', '{}' from generate_series(1, 40) as n`,
  );
  const allCounted = (count: number) =>
    eventually(async () => counted === count, `${count} results are counted into breakers`);
  await allCounted(40);
  await down;
  await database.pool.query(
    `update posthorn.breakers set failing_since = now() - interval '1 minute', consecutive = 9`,
  );
  await database.pool.query(
    `insert into posthorn.outbox (url, body)
     select 'http://127.0.0.' || n || ':1/lane', '{}' from generate_series(1, 40) as n`,
  );
  await allCounted(80);
  const { rows } = await database.pool.query(`select from posthorn.breakers where state = 'open'`);
  expect(rows).toHaveLength(0);
});

it('an outage of our own asks each open lane once an interval, and costs its webhooks no attempt', async () => {
  const [engine, other] = engines;
  await other?.stop();
  if (engine === undefined) throw new Error('no engine');
  const down = once(engine.events, 'egress');
  await database.pool.query(
    `insert into posthorn.outbox (url, body)
     select 'http://127.0.0.' || n || ':1/first', '{}' from generate_series(1, 12) as n`,
  );
  await down;
  await attempted(12);
  await database.pool.query(
    `insert into posthorn.breakers (key, url, state, trips, open_until)
     select posthorn.lane_of(url), url, 'open', 1, now()
     from (select 'http://127.0.0.' || n || ':1/open' as url from generate_series(1, 14) as n) as lanes`,
  );
  await database.pool.query(
    `insert into posthorn.outbox (url, body)
     select 'http://127.0.0.' || n || ':1/open', '{}' from generate_series(1, 14) as n, generate_series(1, 3)`,
  );
  // All have been asked, and none is asked again soon.
  await eventually(async () => {
    const { rows } = await database.pool.query<{ left: number }>(
      `select count(*)::integer as left
       from posthorn.breakers
       where state = 'open' and (probe_until is not null or open_until < now() + interval '20 s')`,
    );
    return rows[0]?.left === 0;
  }, 'each open lane waits for its next probe');
  const { rows } = await database.pool.query(
    `select count(*)::integer as probes, count(distinct q.lane)::integer as lanes, sum(q.uncounted)::integer as uncounted
     from posthorn.queue as q
     join posthorn.breakers as b on b.key = q.lane and b.state = 'open'
     join posthorn.attempts as a using (webhook_id)`,
  );
  expect(rows).toEqual([{ probes: 14, lanes: 14, uncounted: 14 }]);
});

function failWith(statusCode: number): void {
  receiver.answer((_request, response) => {
    response.statusCode = statusCode;
    response.end();
  });
}

/** Seven failures, aged so that they are spread over more than ten seconds. */
async function openBreaker(): Promise<void> {
  failWith(500);
  await enqueue(6);
  await counted(6);
  await age('failing_since', 11);
  await enqueue(1);
  await eventually(async () => (await breaker())?.['state'] === 'open', 'the breaker opens');
}

async function enqueue(count: number, url = `${receiver.url}/hook`): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, body) select $1, '{}' from generate_series(1, $2)`,
    [url, count],
  );
}

/** Waits until the breaker has counted that many failures in a row. */
async function counted(count: number): Promise<void> {
  await eventually(
    async () => (await breaker())?.['consecutive'] === count,
    `${count} failures are counted`,
  );
}

/** Waits until that many attempts are recorded. */
async function attempted(count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query<{ count: number }>(
      'select count(*)::integer as count from posthorn.attempts where finished_at is not null',
    );
    return rows[0]?.count === count;
  }, `${count} attempts are recorded`);
}

async function breaker(): Promise<Record<string, unknown> | undefined> {
  const { rows } = await database.pool.query(
    `select *,
       extract(epoch from open_until - last_failure_at)::float8 as opens_for_s,
       extract(epoch from throttled_until - now())::float8 as throttled_for_s
     from posthorn.breakers
     where key = posthorn.lane_of($1)`,
    [`${receiver.url}/hook`],
  );
  return rows[0];
}

async function age(column: string, seconds: number): Promise<void> {
  await database.pool.query(
    `update posthorn.breakers set ${column} = ${column} - $1 * interval '1 second'
     where key = posthorn.lane_of($2)`,
    [seconds, `${receiver.url}/hook`],
  );
}

/** Which version of each waiting row of the lane there is: any write would change it. */
async function queueVersions(): Promise<unknown[]> {
  const { rows } = await database.pool.query(
    `select webhook_id, xmin::text, ctid::text from posthorn.queue
     where lane = posthorn.lane_of($1) order by webhook_id`,
    [`${receiver.url}/hook`],
  );
  return rows;
}
