import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { createTestDatabase } from './support/database.ts';
import { registerEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { limitTenant } from './support/tenants.ts';
import { forEachTest, forFile } from './support/world.ts';

// A limited endpoint of a limited tenant has one owner with it: no two workers wait for each other.

const database = forFile(createTestDatabase);
let engines: (Posthorn & AsyncDisposable)[];
const receiver = forEachTest(startReceiver);

beforeAll(async () => {
  // Without their backstop, the scan of all lanes, what is missed is never sent.
  const timings = { scanEveryMs: 3_600_000 };
  engines = await Promise.all([1, 2].map(() => startEngine(database, { timings })));
});

afterAll(() => Promise.all(engines.map((engine) => engine.stop())));

beforeEach(() => database.empty());

describe('a tenant is limited while one of its limited endpoints is owned', () => {
  it.each([
    ['by the worker that takes the tenant', 'itself'],
    ['by another worker', 'the other'],
  ])('%s, and one worker goes on with both limits', async (_, taker) => {
    const load = measureLoad();
    const limited = await registerEndpoint(database, {
      ...{ url: `${receiver.url}/limited`, tenant: 'acme', max_in_flight: 2 },
    });
    const other = await registerEndpoint(database, { url: `${receiver.url}/o`, tenant: 'acme' });
    await Promise.all([limited, other].map((endpoint) => endpoint.enqueue(150)));
    await receiver.until((requests) => requests.length >= 30);
    const first = Number((await limited.row())['owner']);
    const owner = taker === 'itself' ? first : 3 - first;
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query(`insert into posthorn.tenants (id, max_in_flight) values ('acme', 3)`);
    await client.query('update posthorn.lane_rules set owner = $1 where is_tenant', [owner]);
    await client.query('commit');
    client.release();
    await eventually(async () => Number((await limited.row())['owner']) === owner, 'it follows');
    // What was under way then has ended by now.
    const known = receiver.requests.length;
    await receiver.until((requests) => requests.length >= known + 40);
    load.most = load.now;
    load.mostLimited = load.limited;
    await receiver.until((requests) => requests.length === 300);
    expect(load.most).toBeLessThanOrEqual(3);
    expect(load.mostLimited).toBeLessThanOrEqual(2);
  });
});

it('a frozen owner of the tenant is passed over', async () => {
  await limitTenant(database, { id: 'acme', max_in_flight: 2 });
  const endpoint = await registerEndpoint(database, {
    ...{ url: receiver.url, tenant: 'acme', max_in_flight: 1 },
  });
  await database.pool.query(
    `insert into posthorn.workers (number, host, pid, version, seen_at)
     values (77, 'frozen', 1, '1.2.3', now() - interval '21 s')`,
  );
  await database.pool.query('update posthorn.lane_rules set owner = 77');
  await endpoint.enqueue(5);
  await database.pool.query(`select pg_notify('posthorn_wake', 'scan')`);
  await receiver.until((requests) => requests.length === 5);
  await database.pool.query('delete from posthorn.workers where number = 77');
});

it('an endpoint that is resumed is sent to at once though nobody owns its tenant', async () => {
  await limitTenant(database, { id: 'acme', max_in_flight: 2 });
  for (const settings of [{}, { max_in_flight: 1 }]) {
    const sent = receiver.requests.length;
    const endpoint = await registerEndpoint(database, {
      ...{ url: receiver.url, tenant: 'acme', status: 'paused' },
      ...settings,
    });
    await endpoint.enqueue(3);
    await database.pool.query('update posthorn.lane_rules set owner = null');
    await endpoint.set({ status: 'active' });
    await receiver.until((requests) => requests.length === sent + 3);
  }
});

/** Answers after 15 ms, and counts how many requests are under way, in all and to the limited endpoint. */
function measureLoad() {
  const load = { now: 0, most: 0, limited: 0, mostLimited: 0 };
  receiver.answer((request, response) => {
    const isLimited = request.path === '/limited';
    load.now += 1;
    if (isLimited) load.limited += 1;
    load.most = Math.max(load.most, load.now);
    load.mostLimited = Math.max(load.mostLimited, load.limited);
    setTimeout(() => {
      load.now -= 1;
      if (isLimited) load.limited -= 1;
      response.end();
    }, 15);
  });
  return load;
}
