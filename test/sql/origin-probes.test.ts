import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { claimWebhooks } from '../../src/deliver/claim.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import {
  ask,
  type Columns,
  clear,
  idOf,
  inS,
  originOf,
  plant,
  plantQueue,
  runFile,
} from '../support/rows.ts';
import { scanAll } from '../support/scan.ts';

// An origin whose breaker is open: nothing of any of its lanes is claimed, and once its time has come, one webhook of one of
// them is its probe.

const host = 'http://a.example';
const later = inS(3_600);
const before = inS(-5);

let database: TestDatabase;
let origin: string;

beforeAll(async () => {
  database = await createTestDatabase();
  origin = (await originOf(database, host)) ?? '';
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const open = (row: Columns = {}) =>
  plant(database, 'breakers', [
    { key: origin, url: host, state: 'open', trips: 1, open_until: before, ...row },
  ]);

const claim = (lanes: readonly string[], discover = true) =>
  claimWebhooks(database.pool, {
    ...{ workerNumber: 1, limit: 1_000, constrained: {}, usualSlots: 8, usualGroupSlots: 500 },
    ...{ leaseS: 120, windowFromMs: discover ? 0 : undefined },
    wishes: lanes.map((lane) => ({
      ...{ lane, priority: 1, quota: 9, dueFromMs: 0, rank: 1, isOwned: true },
      groups: { tenant: null, origin },
    })),
  });
const scan = () => scanAll(database, 1, { maxHeads: 5_000 });
const probe = (lane: string, { workerNumber = 1, of = origin } = {}) =>
  runFile<{ lane: string }>(database, 'probe', {
    ...{ workerNumber, maxProbes: 20, leaseS: 120, origins: [of], originLanes: [lane] },
  });

async function versions(): Promise<unknown[]> {
  return ask(database, 'select webhook_id, xmin, ctid::text from posthorn.queue order by 1');
}

describe('while the breaker is open', () => {
  it.each([
    { when: 'its time has not come', row: { open_until: later }, access: 'blocked' },
    { when: 'a probe is under way', row: { probe_until: later }, access: 'blocked' },
    { when: 'its time has come', row: {}, access: 'probe' },
    { when: 'the last probe was lost', row: { probe_until: before }, access: 'probe' },
  ])('and $when, claims take nothing and say "$access"', async ({ row, access }) => {
    await open(row);
    await plantQueue(database, [
      { n: 1, lane: 1, origin },
      { n: 2, lane: 2, origin },
      { n: 3, lane: 3, origin: 7 },
    ]);
    const untouched = await versions();
    const { webhooks, discovered } = await claim(['1', '2']);
    expect(webhooks.map(({ lane }) => lane)).toEqual(['3']);
    expect(new Map(discovered.map((seen) => [seen.lane, seen.access]))).toEqual(
      new Map([
        ['1', access],
        ['2', access],
        ['3', 'anyone'],
      ]),
    );
    expect((await versions()).slice(0, 2)).toEqual(untouched.slice(0, 2));
    const scanned = (await scan())
      .filter(({ lane }) => lane !== '3')
      .map((seen) => [seen.lane, seen.access]);
    expect(new Map(scanned as [string, string][])).toEqual(
      new Map(
        access === 'probe'
          ? [
              ['1', access],
              ['2', access],
            ]
          : [],
      ),
    );
  });

  it('registered endpoints at the origin are not claimed either, by the URL that they have now', async () => {
    const [here, elsewhere] = [
      await registerEndpoint(database, { url: `${host}/1` }),
      await registerEndpoint(database, { url: 'http://b.example/' }),
    ];
    for (const endpoint of [here, elsewhere]) await endpoint.enqueue(1);
    await open({ open_until: later });
    const lane = String((await here.row())['lane']);
    const first = await claim([lane]);
    expect(first.webhooks.map(({ endpointId }) => endpointId)).toEqual([elsewhere.id]);
    await here.set({ url: 'http://c.example/' });
    expect((await claim([lane])).webhooks.map(({ endpointId }) => endpointId)).toEqual([here.id]);
  });

  it('a scan names three lanes of thousands to probe', async () => {
    await open();
    await database.pool.query(
      `insert into posthorn.queue (webhook_id, outbox_id, lane, origin, priority, due_at)
       select gen_random_uuid(), gen_random_uuid(), n, $1::bigint, 1, now() - interval '1 minute'
       from generate_series(1, 2000) as n`,
      [origin],
    );
    const [one, other] = [await scan(), await scan()];
    expect(one.map(({ access }) => access)).toEqual(['probe', 'probe', 'probe']);
    // Chosen at random.
    expect(new Set([...one, ...other].map(({ lane }) => lane)).size).toBeGreaterThan(3);
  });
});

describe('the probe', () => {
  it('is one of all workers, whichever lanes they name', async () => {
    await open();
    await plantQueue(database, [
      { n: 1, lane: 1, origin },
      { n: 2, lane: 2, origin },
      { n: 3, lane: 3, origin },
    ]);
    const taken = await Promise.all(
      [1, 2, 3].map((worker) => probe(String(worker), { workerNumber: worker })),
    );
    expect(taken.flat()).toHaveLength(1);
    const leased = await ask(
      database,
      `select b.probe_attempt, b.probe_until > now() as is_leased
       from posthorn.breakers as b join posthorn.queue as q on q.webhook_id = b.probe_webhook and q.leased_by is not null`,
    );
    expect(leased).toEqual([{ probe_attempt: 1, is_leased: true }]);
    expect(await probe('2')).toEqual([]);
  });

  it('waits for its time', async () => {
    await open({ open_until: later });
    await plantQueue(database, [{ n: 1, lane: 1, origin }]);
    expect(await probe('1')).toEqual([]);
  });

  it.each([
    { what: 'has nothing due', queue: { due_at: later }, taken: 0 },
    { what: 'is held', rule: { is_held: true, is_ordered: false }, taken: 0 },
    {
      what: 'waits for a retry',
      rule: { is_held: false, is_ordered: true, retry_at: later },
      taken: 0,
    },
    { what: 'was told to wait', breaker: { throttled_until: later }, taken: 0 },
    { what: 'is open itself', breaker: { state: 'open', open_until: later }, taken: 0 },
    { what: 'is open and ripe', breaker: { state: 'open', open_until: before }, taken: 1 },
    { what: 'counts failures', breaker: { consecutive: 3 }, taken: 1 },
    { what: 'is ordered', rule: { is_held: false, is_ordered: true }, taken: 1 },
  ])('of a lane that $what: $taken', async ({ queue = {}, rule, breaker, taken }) => {
    await open();
    await plantQueue(database, [{ n: 1, lane: 1, origin, ...queue }]);
    if (rule !== undefined) await plant(database, 'lane_rules', [{ lane: 1, ...rule }]);
    if (breaker !== undefined)
      await plant(database, 'breakers', [{ key: 1, url: `${host}/1`, ...breaker }]);
    // The claim and the scan name it only if it can be taken.
    const { discovered } = await claim([]);
    if (discovered.length > 0)
      expect(discovered[0]?.access).toBe(taken === 1 ? 'probe' : 'blocked');
    expect(await scan()).toHaveLength(taken);
    expect(await probe('1')).toHaveLength(taken);
  });

  it('is not of an endpoint that has gone to another origin', async () => {
    await open();
    const endpoint = await registerEndpoint(database, { url: `${host}/1` });
    await endpoint.enqueue(1);
    const lane = String((await endpoint.row())['lane']);
    await endpoint.set({ url: 'http://b.example/' });
    expect(await probe(lane)).toEqual([]);
    await endpoint.set({ url: `${host}/2` });
    expect(await probe(lane)).toHaveLength(1);
  });

  it('of a lane comes only after that of its origin', async () => {
    await plantQueue(database, [{ n: 1, lane: 1, origin }]);
    await plant(database, 'breakers', [
      { key: 1, url: `${host}/1`, state: 'open', open_until: before },
    ]);
    await open({ open_until: later });
    expect(await probe('9', { of: '9' })).toEqual([]);
    await database.pool.query('delete from posthorn.breakers where key = $1', [origin]);
    expect(await probe('9', { of: '9' })).toHaveLength(1);
  });

  const leased = { probe_webhook: idOf(1), probe_attempt: 1, probe_until: later };
  it.each([
    ['give-back', { webhookIds: [idOf(1)], numbers: [1], workerNumber: 7 }],
    ['rescue', { workerNumber: 7, keptIds: [] }],
  ])('is free again after %s', async (file, values) => {
    await open(leased);
    const [, endpoint] = [1, await registerEndpoint(database, { url: `${host}/1` })];
    const lane = (await endpoint.row())['lane'];
    const sent = { attempts: 1, leased_by: 7, lease_until: later };
    await plantQueue(database, [{ n: 1, lane, ...sent }]);
    await runFile(database, file, values);
    expect(await ask(database, 'select probe_webhook from posthorn.breakers')).toEqual([
      { probe_webhook: null },
    ]);
    await clear(database);
    await open(leased);
    await plantQueue(database, [{ n: 1, lane: 1, origin, ...sent }]);
    await runFile(database, file, values);
    expect(await ask(database, 'select probe_webhook from posthorn.breakers')).toEqual([
      { probe_webhook: null },
    ]);
  });
});

it('people see that the origin is what the webhooks wait for', async () => {
  await open({ open_until: later });
  const endpoint = await registerEndpoint(database, { url: `${host}/1` });
  await endpoint.enqueue(1);
  await database.pool.query(`insert into posthorn.outbox (url, body) values ($1, '')`, [
    `${host}/2`,
  ]);
  expect(
    await ask(database, 'select waits_for, next_attempt_at from posthorn.webhooks order by id'),
  ).toEqual([1, 2].map(() => ({ waits_for: 'origin_breaker', next_attempt_at: later })));
  expect(await ask(database, 'select key, reason from posthorn.lane_blocks')).toEqual([
    { key: origin, reason: 'origin_breaker' },
  ]);
  const [stats] = await ask<{ figures: { queue: object[]; origins: object; lanes: object } }>(
    database,
    `select figures from posthorn.take_stats('0')`,
  );
  expect(stats?.figures.queue).toMatchObject([{ state: 'held', webhooks: 2 }]);
  expect(stats?.figures.origins).toEqual({ failing: 0, open: 1, probing: 0 });
  expect(stats?.figures.lanes).toMatchObject({ open: 0 });
});
