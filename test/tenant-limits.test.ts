import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { createTestDatabase } from './support/database.ts';
import { registerEndpoint, type TestEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { measureLoad } from './support/load.ts';
import { limitTenant } from './support/tenants.ts';
import { forEachTest, forFile } from './support/world.ts';

// The limits of tenants, over two workers. How a limited endpoint goes to the owner of its tenant is in tenant-owner.test.ts.

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

/** So many endpoints of the tenant, with so many webhooks each. */
async function flood(count: number, webhooks: number, tenant = 'acme'): Promise<TestEndpoint[]> {
  const endpoints = await Promise.all(
    Array.from({ length: count }, (_, at) =>
      registerEndpoint(database, { url: `${receiver.url}/${tenant}/${at}`, tenant }),
    ),
  );
  await Promise.all(endpoints.map((endpoint) => endpoint.enqueue(webhooks)));
  return endpoints;
}

describe('max_in_flight of a tenant', () => {
  it('holds over all of its endpoints and all workers, and all of it is used', async () => {
    const load = measureLoad(receiver);
    await limitTenant(database, { id: 'acme', max_in_flight: 3 });
    await flood(5, 30);
    await receiver.until((requests) => requests.length === 150);
    expect(load.most).toBe(3);
  });

  it('holds for what is sent to URLs as well', async () => {
    const load = measureLoad(receiver);
    await limitTenant(database, { id: 'acme', max_in_flight: 2 });
    await database.pool.query(
      `insert into posthorn.outbox (url, tenant, body)
       select $1 || '/' || n % 4, 'acme', n::text from generate_series(1, 60) as n`,
      [receiver.url],
    );
    await receiver.until((requests) => requests.length === 60);
    expect(load.most).toBe(2);
  });

  it('holds when it is set, lowered and lifted while webhooks are on their way', async () => {
    const load = measureLoad(receiver);
    const acme = await limitTenant(database, { id: 'acme' });
    await flood(4, 100);
    await receiver.until((requests) => requests.length >= 40);
    for (const limit of [4, 2]) {
      await acme.set({ max_in_flight: limit });
      await eventually(async () => (await acme.owner()) != null, 'a worker keeps the limit');
      // What was under way then has ended by now.
      const known = receiver.requests.length;
      await receiver.until((requests) => requests.length >= known + 40);
      load.most = load.now;
      await receiver.until((requests) => requests.length >= known + 80);
      expect(load.most).toBeLessThanOrEqual(limit);
    }
    await acme.set({ max_in_flight: null });
    expect(await acme.owner()).toBeUndefined();
    await receiver.until((requests) => requests.length === 400);
  });

  it('holds besides those of its endpoints', async () => {
    const load = measureLoad(receiver);
    await limitTenant(database, { id: 'acme', max_in_flight: 4 });
    const [first] = await flood(3, 20);
    await first?.set({ max_in_flight: 1 });
    await first?.enqueue(20);
    await receiver.until((requests) => requests.length === 80);
    expect(load.most).toBe(4);
  });
});

it('rate_limit_per_s of a tenant is one rate for all of its endpoints and all workers', async () => {
  await limitTenant(database, { id: 'acme', rate_limit_per_s: 50 });
  await flood(5, 20);
  await receiver.until((requests) => requests.length === 100);
  const times = receiver.requests.map(({ atMs }) => atMs);
  // 5 at once at first, and then 50 a second.
  expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1_800);
  for (const from of times) {
    expect(times.filter((at) => at >= from && at < from + 200).length).toBeLessThanOrEqual(40);
  }
});

it('what limits a tenant costs the others nothing', async () => {
  await limitTenant(database, { id: 'acme', rate_limit_per_s: 0.5 });
  await flood(2, 1_000);
  await flood(2, 100, 'globex');
  const ofGlobex = () => receiver.requests.filter(({ path }) => path.startsWith('/globex'));
  await receiver.until(() => ofGlobex().length === 200);
});

it('a renamed tenant keeps its limits', async () => {
  const load = measureLoad(receiver);
  await limitTenant(database, { id: 'acme', max_in_flight: 2 });
  const endpoints = await flood(3, 20);
  await receiver.until((requests) => requests.length >= 10);
  await database.pool.query(`select posthorn.rename_tenant('acme', 'acme-2')`);
  await receiver.until((requests) => requests.length >= 30);
  load.most = load.now;
  await Promise.all(endpoints.map((endpoint) => endpoint.enqueue(20)));
  await receiver.until((requests) => requests.length === 120);
  expect(load.most).toBeLessThanOrEqual(2);
  const { rows } = await database.pool.query(
    `select lane = posthorn.tenant_key('acme-2') as is_new from posthorn.lane_rules`,
  );
  expect(rows).toEqual([{ is_new: true }]);
});

it('a tenant whose settings are deleted is not limited any more', async () => {
  await limitTenant(database, { id: 'acme', rate_limit_per_s: 0.001 });
  await flood(2, 20);
  await receiver.until((requests) => requests.length >= 1);
  await database.pool.query(`delete from posthorn.tenants where id = 'acme'`);
  await receiver.until((requests) => requests.length === 40);
  expect((await database.pool.query('select from posthorn.lane_rules')).rowCount).toBe(0);
});
