import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { claimWebhooks } from '../../src/deliver/claim.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { ask, clear, inS, plant, plantQueue, runFile } from '../support/rows.ts';
import { scanAll } from '../support/scan.ts';
import { limitTenant } from '../support/tenants.ts';

// The limits of a tenant in lane_rules, and what the statements of the worker make of them. Worker 1 asks; worker 2 works; 3 is frozen.

const url = 'http://a.example/';
let database: TestDatabase;
/** That of acme. */
let key: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const rows = await ask<{ key: string }>(database, `select posthorn.tenant_key('acme') as key`);
  key = rows[0]?.key ?? '';
  await plant(
    database,
    'workers',
    [2, 3].map((number) => ({
      ...{ number, host: 'here', pid: 1, version: '1', seen_at: inS(number === 2 ? 3_600 : -21) },
    })),
  );
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const own = (owner: number | null, lane: string = key) =>
  database.pool.query('update posthorn.lane_rules set owner = $1 where lane = $2', [owner, lane]);

/** An endpoint of acme with a webhook. */
async function endpointOf(settings: Record<string, number> = {}): Promise<string> {
  const endpoint = await registerEndpoint(database, { url, tenant: 'acme', ...settings });
  await endpoint.enqueue(1);
  return String((await endpoint.row())['lane']);
}

const owners = [
  { owner: null, is: 'unowned' },
  { owner: 1, is: 'mine' },
  { owner: 2, is: 'theirs' },
] as const;

describe('a claim', () => {
  const claim = (
    wishes: readonly { lane: string; tenant?: string; isOwned?: boolean }[],
    windowFromMs?: number,
  ) =>
    claimWebhooks(database.pool, {
      ...{ workerNumber: 1, limit: 10, constrained: {}, usualSlots: 8, usualGroupSlots: 16 },
      ...{ leaseS: 60, windowFromMs },
      wishes: wishes.map(({ lane, tenant = null, isOwned = true }) => ({
        ...{ lane, priority: 1, quota: 1, dueFromMs: 0, rank: 1, isOwned },
        groups: { tenant, origin: lane },
      })),
    });

  it.each(owners)('says that a limited tenant is $is and takes nothing unasked', async (one) => {
    await limitTenant(database, { id: 'acme', max_in_flight: 2 });
    await own(one.owner);
    await endpointOf();
    await plantQueue(database, [{ n: 1, lane: 5, origin: 6, tenant_key: key }]);
    const { discovered, webhooks } = await claim([], 0);
    expect(discovered.map(({ access, tenantAccess }) => `${access} ${tenantAccess}`)).toEqual([
      `anyone ${one.is}`,
      `anyone ${one.is}`,
    ]);
    expect(webhooks).toEqual([]);
  });

  it.each(owners)('takes what it wishes for only if the tenant is not $is', async (one) => {
    await limitTenant(database, { id: 'acme', max_in_flight: 2 });
    await own(one.owner);
    // The tenant of an endpoint is looked up, whatever the worker believes.
    const lanes = [{ lane: await endpointOf() }, { lane: '5', tenant: key }];
    await plantQueue(database, [{ n: 1, lane: 5, origin: 6, tenant_key: key }]);
    expect((await claim(lanes.map((lane) => ({ ...lane, isOwned: false })))).webhooks).toEqual([]);
    expect((await claim(lanes)).webhooks).toHaveLength(one.is === 'mine' ? 2 : 0);
  });

  it('takes of a limited lane only if the lane is its own as well', async () => {
    await limitTenant(database, { id: 'acme', max_in_flight: 2 });
    await own(1);
    const lane = await endpointOf({ max_in_flight: 1 });
    expect((await claim([{ lane }])).webhooks).toEqual([]);
    await own(1, lane);
    expect((await claim([{ lane }])).webhooks).toHaveLength(1);
  });

  it('takes of the lanes of other tenants unasked', async () => {
    await limitTenant(database, { id: 'globex', max_in_flight: 2 });
    await endpointOf();
    expect((await claim([], 0)).webhooks).toHaveLength(1);
  });
});

it.each(owners)('a scan says that a limited tenant is $is', async ({ owner, is }) => {
  await limitTenant(database, { id: 'acme', max_in_flight: 2 });
  await own(owner);
  const limited = await endpointOf({ max_in_flight: 1 });
  await endpointOf();
  await plantQueue(database, [{ n: 1, lane: 5, origin: 6, tenant_key: key }, { n: 2 }]);
  await own(1, limited);
  const said = await scanAll(database, 1);
  expect(said.map((row) => `${row['access']} ${row['tenant_access']}`).toSorted()).toEqual(
    [`anyone ${is}`, `anyone ${is}`, 'anyone anyone', `mine ${is}`].toSorted(),
  );
  const ofOwn = await runFile(database, 'scan-owned', { workerNumber: 1, lanes: [limited] });
  expect(ofOwn).toMatchObject([{ lane: limited, tenant_key: key, tenant_access: is }]);
});

it.each([
  { owner: null, probes: true },
  { owner: 1, probes: true },
  { owner: 2, probes: false },
  { owner: 3, probes: true },
])('a lane whose tenant is owned by $owner is probed: $probes', async ({ owner, probes }) => {
  await limitTenant(database, { id: 'acme', max_in_flight: 2 });
  await own(owner);
  const lane = await endpointOf();
  await plant(database, 'breakers', [{ key: lane, url, state: 'open', open_until: inS(-1) }]);
  const sent = await runFile(database, 'probe', {
    ...{ workerNumber: 1, maxProbes: 9, leaseS: 60 },
    ...{ origins: [], originLanes: [] },
  });
  expect(sent).toHaveLength(probes ? 1 : 0);
});

describe('taking', () => {
  const take = async (...lanes: readonly string[]) => {
    const rows = await runFile(database, 'take-lanes', { workerNumber: 1, lanes });
    return Object.fromEntries(
      rows.map((row) => [row['lane'], [row['access'], row['tenant'], row['tenant_access']]]),
    );
  };

  it.each([
    { owner: null, access: 'mine' },
    { owner: 1, access: 'mine' },
    { owner: 2, access: 'other' },
    { owner: 3, access: 'mine' },
  ])('a tenant that is owned by $owner: it is $access', async ({ owner, access }) => {
    await limitTenant(database, { id: 'acme', max_in_flight: 2, rate_limit_per_s: 5 });
    await own(owner);
    expect(await take(key)).toEqual({ [key]: [access, null, null] });
    const rows = await ask(database, 'select owner, is_tenant from posthorn.lane_rules');
    expect(rows).toEqual([{ owner: access === 'mine' ? 1 : owner, is_tenant: true }]);
  });

  it.each([
    { owner: null, lane: null, access: 'other', is: 'unowned' },
    { owner: 1, lane: null, access: 'mine', is: 'mine' },
    { owner: 1, lane: 3, access: 'mine', is: 'mine' },
    { owner: 1, lane: 2, access: 'other', is: 'mine' },
    { owner: 2, lane: null, access: 'other', is: 'theirs' },
    { owner: 2, lane: 3, access: 'other', is: 'theirs' },
    { owner: 2, lane: 1, access: 'mine', is: 'theirs' },
  ])('a lane of $lane whose tenant is that of $owner: it is $access', async (one) => {
    await limitTenant(database, { id: 'acme', max_in_flight: 2 });
    const lane = await endpointOf({ max_in_flight: 1 });
    await own(one.owner);
    await own(one.lane, lane);
    expect(await take(lane)).toEqual({ [lane]: [one.access, key, one.is] });
    const rows = await ask(database, 'select owner from posthorn.lane_rules where not is_tenant');
    expect(rows).toEqual([{ owner: one.access === 'mine' ? 1 : one.lane }]);
  });

  it('a lane without limits says whose it is, and who owns the limits of that tenant', async () => {
    await limitTenant(database, { id: 'acme', max_in_flight: 2 });
    const lane = await endpointOf();
    const other = String((await (await registerEndpoint(database, { url })).row())['lane']);
    await plantQueue(database, [{ n: 1, lane: 5, origin: 6, tenant_key: key }]);
    expect(await take(lane, other, '5', '7')).toEqual({
      [lane]: ['anyone', key, 'unowned'],
      [other]: ['anyone', null, 'anyone'],
      '5': ['anyone', key, 'unowned'],
    });
  });
});

it('a lane that is given up for another worker has its rate used up', async () => {
  const [kept, wanted] = await Promise.all([
    endpointOf({ rate_limit_per_s: 0.01 }),
    endpointOf({ rate_limit_per_s: 0.01 }),
  ]);
  await database.pool.query('update posthorn.lane_rules set owner = 1');
  for (const [lane, isWanted] of [
    [kept, false],
    [wanted, true],
  ]) {
    await runFile(database, 'release-lanes', { workerNumber: 1, lanes: [lane], isWanted });
  }
  expect(
    await ask(
      database,
      `select lane::text, owner, rate_from > now() + interval '99 s' as is_used_up
       from posthorn.lane_rules order by lane = $1`,
      [wanted],
    ),
  ).toEqual([
    { lane: kept, owner: null, is_used_up: null },
    { lane: wanted, owner: null, is_used_up: true },
  ]);
});

describe('the rule of a tenant', () => {
  const rules = () =>
    ask(
      database,
      `select r.max_in_flight as most, r.rate_limit_per_s as rate, r.owner, t.id
       from posthorn.lane_rules as r left join posthorn.tenants as t on t.key = r.lane`,
    );

  it('is made, changed, moved with its owner, and deleted', async () => {
    const acme = await limitTenant(database, { id: 'acme', name: 'Acme' });
    expect(await rules()).toEqual([]);
    await acme.set({ max_in_flight: 2 });
    await own(2);
    await acme.set({ max_in_flight: null, rate_limit_per_s: 5 });
    expect(await rules()).toEqual([{ most: null, rate: 5, owner: 2, id: 'acme' }]);
    await database.pool.query(`select posthorn.rename_tenant('acme', 'acme-2')`);
    expect(await rules()).toEqual([{ most: null, rate: 5, owner: 2, id: 'acme-2' }]);
    await database.pool.query('delete from posthorn.tenants');
    expect(await rules()).toEqual([]);
  });

  it('is announced under each of its keys, and that of a name is not', async () => {
    const heard: string[] = [];
    const client = await database.pool.connect();
    client.on('notification', ({ payload = '' }) => heard.push(payload));
    await client.query('listen posthorn_wake');
    const acme = await limitTenant(database, { id: 'acme', max_in_flight: 2 });
    await acme.set({ name: 'Acme' });
    await database.pool.query(`update posthorn.tenants set id = 'acme-2'`);
    await client.query('select');
    client.release(true);
    const [former, present] = [`rules:${key}`, expect.not.stringContaining(key)];
    expect(heard).toEqual([former, former, present]);
  });

  it('that is not what the settings say is found, and made so', async () => {
    const acme = await limitTenant(database, { id: 'acme', max_in_flight: 2 });
    await limitTenant(database, { id: 'globex', max_in_flight: 3 });
    const misruled = () => ask(database, 'select tenant from posthorn.misruled_lanes order by 1');
    expect(await misruled()).toEqual([]);
    await database.pool.query(`update posthorn.lane_rules set max_in_flight = 9, owner = 2`);
    await database.pool.query('delete from posthorn.lane_rules where lane <> $1', [key]);
    expect(await misruled()).toEqual([{ tenant: 'acme' }, { tenant: 'globex' }]);
    await database.pool.query('select posthorn.repair_lane_rules()');
    expect(await misruled()).toEqual([]);
    expect(await acme.owner()).toBe(2);
  });

  it.each([
    ['max_in_flight', 0, 'tenants_max_in_flight_is_1_to_10000'],
    ['max_in_flight', 10_001, 'tenants_max_in_flight_is_1_to_10000'],
    ['rate_limit_per_s', 0, 'tenants_rate_limit_per_s_is_0_001_to_10000'],
    ['rate_limit_per_s', 'NaN', 'tenants_rate_limit_per_s_is_0_001_to_10000'],
    ['max_waiting', 0, 'tenants_max_waiting_is_1_to_1000000000'],
  ])('has no %s of %s', async (column, value, constraint) => {
    await expect(limitTenant(database, { id: 'acme', [column]: value })).rejects.toMatchObject({
      constraint,
    });
  });
});
