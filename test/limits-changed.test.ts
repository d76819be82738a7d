import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { PoolClient } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { rulesPayload, wakeChannel } from '../src/db/names.ts';
import { createTestDatabase } from './support/database.ts';
import { registerEndpoint, type TestEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { measureLoad } from './support/load.ts';
import { forEachTest, forFile } from './support/world.ts';

// Limits and order of an endpoint that somebody changes, cancels or retries at an awkward moment.

const database = forFile(createTestDatabase);
const engine = forFile(() => startEngine(database));
const receiver = forEachTest(startReceiver);
let holding: PoolClient[] = [];

beforeEach(() => database.empty());

afterEach(() => {
  for (const client of holding) client.release(true);
  holding = [];
});

/** A transaction that stays open until the test ends it, or ends. */
async function hold(): Promise<PoolClient> {
  const client = await database.pool.connect();
  holding.push(client);
  await client.query('begin');
  return client;
}

const orderedWithAnHour = () =>
  registerEndpoint(database, { url: receiver.url, ordered: true, retry_schedule_s: [3_600] });

/** Ends the worker's session, and does something before the worker has another one. */
async function whileTheSessionIsDown(act: () => Promise<unknown>): Promise<void> {
  const ready = once(engine.events, 'workerReady');
  await database.pool.query(
    `select pg_terminate_backend(pid, 5000)
     from pg_stat_activity
     where application_name = 'posthorn worker' and datname = current_database()`,
  );
  await act();
  await ready;
}

/** Its first webhook once it waits for its retry. */
function heldBy(endpoint: TestEndpoint): Promise<string> {
  return eventually(async () => {
    const { rows } = await database.pool.query<{ id: string }>(
      `select id from posthorn.webhooks
       where endpoint_id = $1 and attempts = 1 and waits_for = 'retry_of_the_first'`,
      [endpoint.id],
    );
    return rows[0]?.id;
  }, 'the first one is to be tried again in an hour');
}

describe('the limit of an endpoint', () => {
  it('holds while somebody has changed the endpoint and has not committed', async () => {
    const load = measureLoad(receiver);
    const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 2 });
    await endpoint.enqueue(300);
    await receiver.until((requests) => requests.length >= 10);
    const client = await hold();
    await client.query('update posthorn.endpoints set max_in_flight = 1');
    // The worker looks at the rule, as when the breaker of the lane has just been closed.
    await database.pool.query('select pg_notify($1, $2 || lane) from posthorn.lane_rules', [
      wakeChannel,
      rulesPayload,
    ]);
    await receiver.until((requests) => requests.length >= 60);
    expect(load.most).toBe(2);
  });

  it('is the new one though it was changed while the worker had no session', async () => {
    const load = measureLoad(receiver);
    const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 20 });
    await endpoint.enqueue(3_000);
    await receiver.until((requests) => requests.length >= 100);
    await whileTheSessionIsDown(() => endpoint.set({ max_in_flight: 1 }));
    await eventually(async () => load.now <= 1, 'what was in flight has ended');
    load.most = load.now;
    const known = receiver.requests.length;
    await receiver.until((requests) => requests.length >= known + 15);
    expect(load.most).toBe(1);
  });
});

describe('an ordered endpoint', () => {
  it.each([
    ['cancelled', 'select posthorn.cancel($1)', [1, 2, 3]],
    ['retried', 'select posthorn.retry($1)', [1, 1, 2, 3]],
  ])('goes on when its first one was %s while the worker had no session', async (_, act, sent) => {
    failOnce();
    const endpoint = await orderedWithAnHour();
    await endpoint.enqueue(3);
    const first = await heldBy(endpoint);
    await whileTheSessionIsDown(() => database.pool.query(act, [first]));
    await receiver.until((requests) => requests.length === sent.length);
    expect(bodies()).toEqual(sent);
  });

  it('goes on when its first one is cancelled just after it failed', async () => {
    failOnce();
    const endpoint = await orderedWithAnHour();
    const client = await hold();
    // What follows the record of a failure inserts this row as well, and waits.
    await client.query(
      `insert into posthorn.breakers (key, url) select lane, url from posthorn.endpoints`,
    );
    await endpoint.enqueue(3);
    const first = await heldBy(endpoint);
    await database.pool.query('select posthorn.cancel($1)', [first]);
    // The worker has been told of it by the time that it sends what came later.
    await database.pool.query(`insert into posthorn.outbox (url, body) values ($1, '0')`, [
      `${receiver.url}/later`,
    ]);
    await receiver.until((requests) => requests.length === 2);
    await client.query('commit');
    await receiver.until((requests) => requests.length === 4);
    expect(bodies()).toEqual([1, 0, 2, 3]);
  });

  it('that stops being ordered while its first one is sent keeps to the schedule of that one', async () => {
    const open: ServerResponse[] = [];
    receiver.answer((request, response) => {
      if (request.body.toString() === '1') open.push(response);
      else response.end();
    });
    const endpoint = await orderedWithAnHour();
    await endpoint.enqueue(3);
    await receiver.until((requests) => requests.length === 1);
    await endpoint.set({ ordered: false });
    // The lane is like any other from now on.
    await receiver.until((requests) => requests.length === 3);
    for (const response of open) response.writeHead(500).end();
    const waiting = await eventually(async () => {
      const { rows } = await database.pool.query(
        `select due_at > now() + interval '50 min' as waits from posthorn.queue where lease_until is null`,
      );
      return rows.length > 0 && rows;
    }, 'its failure is recorded');
    expect(waiting).toEqual([{ waits: true }]);
  });

  it('is served in the order of sending though it became ordered with a backlog', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, status: 'paused' });
    for (const priority of ['low', 'high', 'normal']) await endpoint.enqueue(3, { priority });
    await endpoint.set({ ordered: true });
    await endpoint.enqueue(3);
    await endpoint.set({ status: 'active' });
    await receiver.until((requests) => requests.length === 12);
    expect(bodies()).toEqual(Array.from({ length: 12 }, (_, at) => at + 1));
  });
});

/** The first request is answered with 500. */
function failOnce(): void {
  let fails = true;
  receiver.answer((_request, response) => {
    response.statusCode = fails ? 500 : 200;
    fails = false;
    response.end();
  });
}

function bodies(): number[] {
  return receiver.requests.map(({ body }) => Number(body.toString()));
}
