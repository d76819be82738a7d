import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { ask, clear, idOf, inS, plant, plantQueue, runFile, whileHeld } from '../support/rows.ts';

// The rules of lanes and their owners: what each statement and trigger changes of them, row by row.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(async () => {
  await clear(database);
  await database.pool.query('delete from posthorn.workers');
});

const url = 'http://a.example/';

describe('a limited lane', () => {
  const rule = {
    lane: 1,
    is_held: false,
    is_ordered: true,
    max_in_flight: 3,
    rate_limit_per_s: 0.5,
  };
  const worker = (number: number, seenS: number) => ({
    ...{ number, host: 'here', pid: 1, version: '1', seen_at: inS(-seenS) },
  });
  const take = (lanes: readonly number[] = [1]) =>
    runFile<Record<string, unknown>>(database, 'take-lanes', { workerNumber: 1, lanes });

  it.each([
    { owner: 'no worker', row: {}, access: 'mine', wasOwn: false, rated: false },
    { owner: 'this worker', row: { owner: 1 }, access: 'mine', wasOwn: true, rated: false },
    {
      owner: 'one that is heard of',
      row: { owner: 2 },
      access: 'other',
      wasOwn: false,
      rated: false,
    },
    { owner: 'one that is not', row: { owner: 3 }, access: 'mine', wasOwn: false, rated: true },
    { owner: 'one that is unknown', row: { owner: 9 }, access: 'mine', wasOwn: false, rated: true },
    {
      owner: 'no worker, and is held',
      row: { is_held: true },
      access: 'other',
      wasOwn: false,
      rated: false,
    },
  ])('whose owner is $owner is $access', async ({ row, access, wasOwn, rated }) => {
    await plant(database, 'workers', [worker(2, 10), worker(3, 60)]);
    await plant(database, 'lane_rules', [
      { ...rule, ...row, retry_at: inS(500), rate_from: inS(90) },
      { ...rule, lane: 2 },
    ]);
    const [said, ...others] = await take();
    expect(others).toEqual([]);
    expect(said).toMatchObject({
      ...{
        lane: '1',
        access,
        was_own: wasOwn,
        is_ordered: true,
        max_in_flight: 3,
        rate_limit_per_s: 0.5,
      },
    });
    const owner = access === 'mine' ? 1 : ((row as { owner?: number }).owner ?? null);
    expect(await ask(database, 'select owner from posthorn.lane_rules order by lane')).toEqual([
      { owner },
      { owner: null },
    ]);
    if (access !== 'mine') {
      expect(said).toMatchObject({ rate_in_ms: null, retry_in_ms: null });
      return;
    }
    const [rateInMs, retryInMs] = [Number(said?.['rate_in_ms']), Number(said?.['retry_in_ms'])];
    expect(retryInMs).toBeGreaterThan(400_000);
    // What the former owner sent is not known: nothing is sent for the time between two.
    if (rated) expect(rateInMs).toBe(2_000);
    else expect(rateInMs).toBeGreaterThan(30_000);
  });

  it('is taken over when its owner has not been heard of for 20 s, not sooner', async () => {
    await plant(database, 'workers', [worker(2, 5), worker(3, 21)]);
    await plant(database, 'lane_rules', [
      { ...rule, owner: 2 },
      { ...rule, lane: 2, owner: 3 },
    ]);
    const said = await take([1, 2]);
    expect(said.map(({ lane, access }) => `${lane} ${access}`).toSorted()).toEqual([
      '1 other',
      '2 mine',
    ]);
  });

  it("that somebody has locked is said to be, unless it is this worker's", async () => {
    await plant(database, 'lane_rules', [rule, { ...rule, lane: 2, owner: 1 }]);
    const said = await whileHeld(database, 'select from posthorn.lane_rules for update', (pool) =>
      runFile({ pool }, 'take-lanes', { workerNumber: 1, lanes: [1, 2] }),
    );
    expect(said.map((row) => `${row['lane']} ${row['access']}`).toSorted()).toEqual([
      '1 locked',
      '2 mine',
    ]);
  });

  it('is given up by its owner alone, and only when that says so', async () => {
    await plant(
      database,
      'lane_rules',
      [1, 1, 2].map((owner, at) => ({ ...rule, lane: at + 1, owner })),
    );
    await runFile(database, 'release-lanes', {
      ...{ workerNumber: 1, lanes: [1, 3], isWanted: false },
    });
    expect(await ask(database, 'select owner from posthorn.lane_rules order by lane')).toEqual([
      { owner: null },
      { owner: 1 },
      { owner: 2 },
    ]);
  });
});

describe('the settings of an endpoint', () => {
  const rules = () =>
    ask(
      database,
      'select is_held, is_ordered, max_in_flight, rate_limit_per_s, owner, retry_at is not null as waits from posthorn.lane_rules',
    );
  const none = {
    is_held: false,
    is_ordered: false,
    max_in_flight: null,
    rate_limit_per_s: null,
    owner: null,
    waits: false,
  };

  it.each([
    [{}, []],
    [{ max_in_flight: 3 }, [{ ...none, max_in_flight: 3 }]],
    [{ rate_limit_per_s: 2 }, [{ ...none, rate_limit_per_s: 2 }]],
    [{ ordered: true }, [{ ...none, is_ordered: true }]],
    [{ status: 'paused' }, [{ ...none, is_held: true }]],
    [{ status: 'disabled' }, [{ ...none, is_held: true }]],
  ])('%j are the rule of its lane, inserted or changed', async (settings, expected) => {
    await registerEndpoint(database, { url, ...settings });
    expect(await rules()).toEqual(expected);
    await clear(database);
    const endpoint = await registerEndpoint(database, { url });
    if (Object.keys(settings).length > 0) await endpoint.set(settings);
    expect(await rules()).toEqual(expected);
    await endpoint.set({
      status: 'active',
      max_in_flight: null,
      rate_limit_per_s: null,
      ordered: false,
    });
    expect(await rules()).toEqual([]);
  });

  it('that are changed keep the owner and the wait of an ordered lane; deleting ends its rule and breaker', async () => {
    const endpoint = await registerEndpoint(database, { url, ordered: true });
    await database.pool.query(
      `update posthorn.lane_rules set owner = 5, retry_at = now() + interval '1 h', retry_of = posthorn.uuid_v7();
       insert into posthorn.breakers (key, url) select lane, 'http://a.example/' from posthorn.lane_rules`,
    );
    await endpoint.set({ max_in_flight: 9 });
    expect(await rules()).toEqual([
      { ...none, is_ordered: true, max_in_flight: 9, owner: 5, waits: true },
    ]);
    await endpoint.set({ status: 'paused' });
    await endpoint.set({ status: 'active' });
    expect(await ask(database, 'select from posthorn.breakers')).toHaveLength(1);
    await endpoint.set({ status: 'deleted' });
    expect(await rules()).toEqual([]);
    expect(await ask(database, 'select from posthorn.breakers')).toEqual([]);
  });

  it.each([
    { head: 'waits', row: {}, untilS: 3_600, moves: true },
    {
      head: 'is being sent',
      row: { lease_until: inS(600), leased_by: 1 },
      untilS: 3_600,
      moves: false,
    },
    { head: 'need not wait any more', row: {}, untilS: -60, moves: false },
  ])(
    'that end its order let its first webhook, which $head, wait alone: $moves',
    async ({ row, untilS, moves }) => {
      const endpoint = await registerEndpoint(database, { url, ordered: true, max_in_flight: 4 });
      const { lane } = await endpoint.row();
      const [dueAt, until] = [inS(-1), inS(untilS)];
      await plantQueue(database, [
        { n: 1, lane, due_at: dueAt, ...row },
        { n: 2, lane, due_at: dueAt },
      ]);
      await database.pool.query('update posthorn.lane_rules set retry_at = $1, retry_of = $2', [
        until,
        idOf(1),
      ]);
      await endpoint.set({ ordered: false });
      expect(await ask(database, 'select due_at from posthorn.queue order by webhook_id')).toEqual([
        { due_at: moves ? until : dueAt },
        { due_at: dueAt },
      ]);
      expect(await rules()).toEqual([{ ...none, max_in_flight: 4 }]);
    },
  );

  it('that are not what the rules say are found, and made so', async () => {
    const limited = await registerEndpoint(database, { url, max_in_flight: 3 });
    const plain = await registerEndpoint(database, { url });
    const right = await registerEndpoint(database, { url, ordered: true });
    const deleted = await registerEndpoint(database, { url });
    await deleted.set({ status: 'deleted' });
    const lanes = await Promise.all(
      [limited, plain, right, deleted].map(async (one) => (await one.row())['lane']),
    );
    await database.pool.query('delete from posthorn.lane_rules where lane <> $1', [lanes[2]]);
    await plant(database, 'lane_rules', [
      { lane: lanes[0], is_held: false, is_ordered: false, max_in_flight: 4, owner: 7 },
      { lane: lanes[1], is_held: true, is_ordered: false },
      { lane: lanes[3], is_held: true, is_ordered: false },
      { lane: 5, is_held: true, is_ordered: false },
    ]);
    const found = await ask<{ lane: string }>(database, 'select lane from posthorn.misruled_lanes');
    const misruled = [lanes[0], lanes[1], lanes[3], '5'].map(String).toSorted();
    expect(found.map(({ lane }) => lane).toSorted()).toEqual(misruled);
    const made = await ask<{ lane: string }>(
      database,
      'select posthorn.repair_lane_rules()::text as lane',
    );
    expect(made.map(({ lane }) => lane).toSorted()).toEqual(misruled);
    expect(await ask(database, 'select from posthorn.misruled_lanes')).toEqual([]);
    expect(
      await ask(
        database,
        'select lane, max_in_flight, owner from posthorn.lane_rules where not is_ordered',
      ),
    ).toEqual([{ lane: lanes[0], max_in_flight: 3, owner: 7 }]);
    expect(await rules()).toHaveLength(2);
  });
});
