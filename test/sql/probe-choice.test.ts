import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, clear, idOf, inS, plant, plantQueue, runFile, whileHeld } from '../support/rows.ts';

// Which lanes are probed, with which webhook, and that no two workers probe one lane.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const noOrigins = { origins: [], originLanes: [] };
const breaker = { key: 1, url: 'http://a.example/', state: 'open', open_until: inS(-1) };
const rule = { lane: 1, is_held: false, is_ordered: false };

const probe = async (worker = 1, limit = 20) =>
  (
    await runFile<{ webhook_id: string }>(database, 'probe', {
      workerNumber: worker,
      maxProbes: limit,
      leaseS: 300,
      ...noOrigins,
    })
  ).map(({ webhook_id }) => Number(webhook_id.slice(-12)));

it('two workers that probe at once send one webhook', async () => {
  await plant(database, 'breakers', [breaker]);
  await plantQueue(database, [{ n: 1 }, { n: 2 }]);
  const one = await database.pool.connect();
  const other = await database.pool.connect();
  try {
    await one.query('begin');
    const asPool = (client: unknown) => ({ pool: client as TestDatabase['pool'] });
    expect(
      await runFile(asPool(one), 'probe', {
        workerNumber: 1,
        maxProbes: 20,
        leaseS: 300,
        ...noOrigins,
      }),
    ).toHaveLength(1);
    // The first has not committed: only the lock of the breaker says that it probes.
    await other.query(`set lock_timeout = '2s'`);
    expect(
      await runFile(asPool(other), 'probe', {
        workerNumber: 2,
        maxProbes: 20,
        leaseS: 300,
        ...noOrigins,
      }),
    ).toEqual([]);
    await one.query('commit');
    expect(
      await runFile(asPool(other), 'probe', {
        workerNumber: 2,
        maxProbes: 20,
        leaseS: 300,
        ...noOrigins,
      }),
    ).toEqual([]);
  } finally {
    one.release(true);
    other.release(true);
  }
});

describe('a lane', () => {
  it.each([
    { is: 'has been open for long enough', row: {}, probes: true },
    { is: 'is open for a while yet', row: { open_until: inS(3_600) }, probes: false },
    { is: 'is closed', row: { state: 'closed' }, probes: false },
    { is: 'is being probed', row: { probe_until: inS(3_600) }, probes: false },
    { is: 'had a probe whose lease ran out', row: { probe_until: inS(-1) }, probes: true },
    { is: 'is throttled', row: { throttled_until: inS(3_600) }, probes: false },
    { is: 'was throttled', row: { throttled_until: inS(-1) }, probes: true },
  ])('that $is is probed: $probes', async ({ row, probes }) => {
    await plant(database, 'breakers', [{ ...breaker, ...row }]);
    await plantQueue(database, [{ n: 1 }]);
    expect(await probe()).toEqual(probes ? [1] : []);
  });

  it.each([
    { is: 'limited', row: {}, probes: true },
    { is: 'held', row: { is_held: true }, probes: false },
    { is: 'to be tried later', row: { retry_at: inS(3_600) }, probes: false },
    { is: 'to be tried again by now', row: { retry_at: inS(-1) }, probes: true },
  ])('whose endpoint is $is is probed: $probes', async ({ row, probes }) => {
    await plant(database, 'breakers', [breaker]);
    await plant(database, 'lane_rules', [
      { ...rule, ...row },
      { ...rule, lane: 2, is_held: true },
    ]);
    await plantQueue(database, [{ n: 1 }]);
    expect(await probe()).toEqual(probes ? [1] : []);
  });
});

it('lanes that have been ripe for longest are probed first, as many as may be', async () => {
  await plant(
    database,
    'breakers',
    [3, 1, 2].map((key) => ({ ...breaker, key, open_until: inS(-10 + key) })),
  );
  await plantQueue(
    database,
    [1, 2, 3].map((lane) => ({ n: lane, lane })),
  );
  expect((await probe(1, 2)).toSorted()).toEqual([1, 2]);
  expect(await probe(1, 2)).toEqual([3]);
});

describe('of what waits', () => {
  it.each([
    {
      which: 'the first of the highest priority',
      rows: [
        { n: 1, priority: 2, due_at: inS(-9) },
        { n: 2, priority: 1, due_at: inS(-7) },
        { n: 3, priority: 1, due_at: inS(-8) },
      ],
      probes: [3],
    },
    {
      which: 'one that is not leased',
      rows: [
        { n: 1, leased_by: 2, lease_until: inS(3_600), due_at: inS(-9) },
        { n: 2, due_at: inS(-8) },
      ],
      probes: [2],
    },
    {
      which: 'one whose lease ran out',
      rows: [{ n: 1, leased_by: 2, lease_until: inS(-1) }],
      probes: [1],
    },
    { which: 'nothing that is not due', rows: [{ n: 1, due_at: inS(3_600) }], probes: [] },
    { which: 'nothing of another lane', rows: [{ n: 1, lane: 2 }], probes: [] },
  ])('the probe is $which', async ({ rows, probes }) => {
    await plant(database, 'breakers', [breaker]);
    await plantQueue(database, rows);
    expect(await probe()).toEqual(probes);
  });

  it.each([
    { first: 'is being sent', row: { leased_by: 2, lease_until: inS(3_600) }, probes: [] },
    { first: 'was leased', row: { leased_by: 2, lease_until: inS(-1) }, probes: [1] },
    { first: 'is low', row: { priority: 2 }, probes: [1] },
    { first: 'is not due', row: { due_at: inS(3_600) }, probes: [2] },
    { first: 'is of another lane', row: { lane: 2 }, probes: [2] },
  ])('in order, whose first one $first, the probe is $probes', async ({ row, probes }) => {
    await plant(database, 'breakers', [breaker]);
    await plant(database, 'lane_rules', [{ ...rule, is_ordered: true }]);
    await plantQueue(database, [
      { n: 1, due_at: inS(-9), ...row },
      { n: 2, due_at: inS(-8) },
      { n: 3, due_at: inS(-7), priority: 0 },
    ]);
    expect(await probe()).toEqual(probes);
  });

  it('in order, no other one takes the turn of the first that somebody has locked', async () => {
    await plant(database, 'breakers', [breaker]);
    await plant(database, 'lane_rules', [{ ...rule, is_ordered: true }]);
    await plantQueue(database, [
      { n: 1, due_at: inS(-9) },
      { n: 2, due_at: inS(-8) },
    ]);
    const held = `select from posthorn.queue where webhook_id = '${idOf(1)}' for update`;
    const probed = await whileHeld(database, held, (pool) =>
      runFile({ pool }, 'probe', { workerNumber: 1, maxProbes: 20, leaseS: 300, ...noOrigins }),
    );
    expect(probed).toEqual([]);
  });
});

it('a probe is leased together with its webhook, and its attempt is begun', async () => {
  await plant(database, 'breakers', [breaker, { ...breaker, key: 2, open_until: inS(3_600) }]);
  await plantQueue(database, [
    { n: 1, attempts: 3, uncounted: 1, leased_by: 2, lease_until: inS(-1), past_attempts: 2 },
  ]);
  const rows = await runFile(database, 'probe', {
    workerNumber: 9,
    maxProbes: 20,
    leaseS: 300,
    ...noOrigins,
  });
  expect(rows).toMatchObject([
    { webhook_id: idOf(1), number: 4, uncounted: 2, past_attempts: 2, url: '' },
  ]);
  expect(
    await ask(
      database,
      `select q.attempts, q.uncounted, leased_by, number, worker, probe_webhook, probe_attempt,
         abs(extract(epoch from lease_until - probe_until)) < 1 and lease_until between now() + interval '200 s' and now() + interval '300 s' as is_leased
       from posthorn.queue as q join posthorn.attempts using (webhook_id) join posthorn.breakers on key = lane`,
    ),
  ).toEqual([
    {
      ...{ attempts: 4, uncounted: 2, leased_by: 9, number: 4, worker: 9 },
      ...{ probe_webhook: idOf(1), probe_attempt: 4, is_leased: true },
    },
  ]);
});

it('a lane that has nothing to probe with is looked at again in 30 s, and in 5 s if what is due is busy', async () => {
  const leased = { leased_by: 2, lease_until: inS(3_600) };
  await plant(
    database,
    'breakers',
    [1, 2, 3, 4].map((key) => ({ ...breaker, key })),
  );
  await plantQueue(database, [
    { n: 1, lane: 1, due_at: inS(3_600) },
    { n: 2, lane: 2, ...leased, priority: 2 },
    { n: 3, lane: 3, ...leased },
    { n: 4, lane: 4 },
  ]);
  expect(await probe()).toEqual([4]);
  const rows = await ask<{ in_s: number }>(
    database,
    'select extract(epoch from open_until - now())::float8 as in_s from posthorn.breakers order by key',
  );
  const [first = 0, second = 0, third = 0, fourth = 0] = rows.map((row) => row.in_s);
  // Of one transaction, and read a moment later.
  expect(first - second).toBeCloseTo(25, 3);
  expect(second).toBeCloseTo(third, 3);
  expect(second).toBeLessThanOrEqual(5);
  expect(fourth).toBeLessThan(0);
});

it('what a probe gives is what a claim gives', async () => {
  await database.pool.query(
    `insert into posthorn.endpoints (id, url, secret, headers, former_secrets, timeout_ms, retry_schedule_s, gone_answers)
     select posthorn.uuid_v7(), 'http://e.example/', 'planted', '{"A": "b"}',
       '[{"secret": "old", "expires_at": "2100-01-01"}]', 700, '{5}', 1;
     insert into posthorn.outbox (endpoint_id, url, body, headers, secret, content_type, max_attempts, idempotency_key, signed_as)
     select case n when 3 then null else e.id end, case n when 3 then 'http://u.example/' end, 'body', '{"C": "d"}',
       case n when 2 then 'own' end, 'text/plain', 7, 'key ' || n, case n when 3 then e.id end
     from posthorn.endpoints as e, generate_series(1, 3) as n`,
  );
  await database.pool.query(
    `insert into posthorn.breakers (key, url, state, open_until)
     select distinct lane, '', 'open'::posthorn.breaker_state, now() from posthorn.queue`,
  );
  const ofEndpoint = { former_secrets: expect.stringContaining('old'), endpoint_secret: 'planted' };
  const expected = {
    ...{ url: 'http://e.example/', body: 'body', headers: { C: 'd' }, content_type: 'text/plain' },
    ...{ secret: null, max_attempts: 7, ...ofEndpoint, endpoint_headers: '{"A": "b"}' },
    ...{ is_endpoint_deleted: false, is_ordered: false, gone_answers: 1, timeout_ms: 700 },
    ...{ retry_schedule_s: [5], signed_as: null },
  };
  const byKey: Record<string, object> = {
    'key 1': expected,
    'key 2': { ...expected, secret: 'own', endpoint_secret: null, former_secrets: null },
    'key 3': {
      ...expected,
      url: 'http://u.example/',
      endpoint_id: null,
      signed_as: expect.any(String),
    },
  };
  const probed = () =>
    runFile(database, 'probe', { workerNumber: 1, maxProbes: 20, leaseS: 300, ...noOrigins });
  const claimed = () =>
    runFile(database, 'claim', {
      workerNumber: 1,
      maxWebhooks: 99,
      windowFromMs: 0,
      lanes: [],
      priorities: [],
      quotas: [],
      dueFromMs: [],
      ranks: [],
      freeSlots: '{}',
      usualSlots: 9,
      usualGroupSlots: 99,
      maxNewest: 0,
      maxFound: 100,
      origins: [],
      tenants: [],
      leaseS: 300,
      areOwned: [],
      aheads: [],
    });
  const seen: string[] = [];
  for (const take of [probed, probed, claimed]) {
    for (const row of await take()) {
      const key: string | null = row['idempotency_key'];
      if (key === null) continue;
      seen.push(key);
      expect(row).toMatchObject(byKey[key] ?? {});
    }
    const isDone = take === probed && seen.length === 3;
    await database.pool.query(
      isDone
        ? `delete from posthorn.breakers; update posthorn.queue set lease_until = null, leased_by = null`
        : `update posthorn.breakers set probe_until = null, open_until = now()`,
    );
  }
  expect(seen.toSorted()).toEqual(['key 1', 'key 1', 'key 2', 'key 2', 'key 3', 'key 3']);
});
