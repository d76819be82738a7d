import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { scanPayload, wakeChannel } from '../../src/db/names.ts';
import { recordValues } from '../support/claimed.ts';
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
  runFile,
  whileHeld,
} from '../support/rows.ts';

// Breakers of origins: what is counted into them, and which lanes of theirs have one.

const rules = { openAfter: 5, openOverS: 10, firstOpenS: 30, maxOpenS: 900 };
const host = 'http://a.example';
const later = inS(3_600);

let database: TestDatabase;
let origin: string;

beforeAll(async () => {
  database = await createTestDatabase();
  origin = (await originOf(database, host)) ?? '';
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const plantOrigin = (row: Columns = {}) =>
  plant(database, 'breakers', [{ key: origin, url: host, ...row }]);
const plantLane = (key: number, row: Columns = {}) =>
  plant(database, 'breakers', [{ key, url: `${host}/${key}`, ...row }]);
const keys = async () =>
  (await ask<{ key: string }>(database, 'select key from posthorn.breakers order by key')).map(
    ({ key }) => (key === origin ? 'origin' : Number(key)),
  );

describe('counting', () => {
  const count = (key: string | number, onlyLane: number | null, failures = 1) =>
    runFile<{ is_origin: boolean; is_open: boolean }>(database, 'count-failures', {
      ...{ keys: [key], failures: [failures], succeeded: [false], errors: ['timeout'] },
      ...{ pausesS: [null], onlyLanes: [onlyLane], ...rules },
      ...{ probeIds: [], probeNumbers: [], probeFailed: [] },
    });

  it.each([
    { failed: 'several lanes', known: null, now: 1, opens: true },
    { failed: 'one lane and then another', known: 1, now: 2, opens: true },
    { failed: 'one lane and then several', known: 1, now: null, opens: true },
    { failed: 'one lane alone', known: 1, now: 1, opens: false },
  ])('opens an origin if $failed got no answer: $opens', async ({ known, now, opens }) => {
    await plantOrigin({ consecutive: 9, failing_since: inS(-60), only_lane: known });
    expect(await count(origin, now)).toEqual([{ key: origin, is_origin: true, is_open: opens }]);
    const [row] = await ask(database, 'select only_lane from posthorn.breakers');
    expect(row).toEqual({ only_lane: opens ? null : '1' });
  });

  it('knows the only lane from the first failure after an answer on', async () => {
    await plantOrigin({ consecutive: 0, only_lane: null });
    await count(origin, 4);
    expect(await ask(database, 'select only_lane from posthorn.breakers')).toEqual([
      { only_lane: '4' },
    ]);
    // Nothing but a probe that said nothing.
    await count(origin, null, 0);
    expect(await ask(database, 'select only_lane from posthorn.breakers')).toEqual([
      { only_lane: '4' },
    ]);
  });

  it.each([
    { what: 'does not fail', row: undefined, opens: true },
    { what: 'has failed longer, in several lanes', row: { failing_since: inS(-61) }, opens: false },
    { what: 'has failed longer, in this lane alone', row: { only_lane: 1 }, opens: true },
    { what: 'has answered since', row: { failing_since: inS(-59) }, opens: true },
    { what: 'counts nothing yet', row: { consecutive: 0 }, opens: true },
  ])('opens a lane whose origin $what: $opens', async ({ row, opens }) => {
    await plantLane(1, { consecutive: 9, failing_since: inS(-60) });
    if (row !== undefined)
      await plantOrigin({ consecutive: 3, failing_since: inS(-61), only_lane: null, ...row });
    expect(await count(1, null)).toEqual([{ key: '1', is_origin: false, is_open: opens }]);
  });

  it('forgets the lanes of an origin that opens, but not what blocks them by itself', async () => {
    await plantOrigin({ state: 'open' });
    await plantLane(1, { consecutive: 4 });
    await plantLane(2, { consecutive: 4, throttled_until: inS(-1) });
    await plantLane(3, { state: 'open' });
    await plantLane(4, { throttled_until: later });
    await plantLane(5, { consecutive: 4 });
    await plant(database, 'breakers', [{ key: 6, url: 'http://b.example/' }]);
    await whileHeld(database, 'select from posthorn.breakers where key = 5 for update', (pool) =>
      runFile({ pool }, 'forget-lanes', { origins: [origin] }),
    );
    expect((await keys()).filter((key) => key !== 'origin')).toEqual([3, 4, 5, 6]);
    expect(await keys()).toContain('origin');
  });
});

describe('rows to count in', () => {
  const watch = (lanes: readonly (string | number)[], others: Columns = {}) =>
    runFile(database, 'watch-lanes', {
      ...{ keys: lanes, urls: lanes.map((key) => (key === origin ? host : `${host}/${key}`)) },
      ...{ failures: lanes.map(() => 0), failingS: lanes.map(() => 0), mostLanes: 100 },
      ...others,
    });

  it('are made for an origin and for a hundred of its lanes', async () => {
    const lanes = Array.from({ length: 250 }, (_, n) => n + 1);
    await watch([...lanes.slice(0, 60), origin]);
    expect(await keys()).toHaveLength(61);
    await watch(lanes.slice(50));
    expect((await keys()).filter((key) => key !== 'origin')).toEqual(lanes.slice(0, 100));
    await watch(lanes);
    expect(await keys()).toHaveLength(101);
    await runFile(database, 'watch-lanes', {
      ...{ keys: [900], urls: ['http://b.example/'], failures: [0], failingS: [0], mostLanes: 100 },
    });
    expect(await keys()).toContain(900);
  });

  it('are made for registered endpoints, however many lanes of the origin have one', async () => {
    const endpoint = await registerEndpoint(database, { url: `${host}/registered` });
    const { lane } = await endpoint.row();
    await watch([1, 2, String(lane)], { mostLanes: 1 });
    expect((await ask(database, 'select key from posthorn.breakers')).length).toBe(2);
    expect(
      await ask(database, 'select from posthorn.breakers where key = $1', [lane]),
    ).toHaveLength(1);
  });

  it('are not made for lanes while the origin is open', async () => {
    await plantOrigin({ state: 'open' });
    await watch([1, 2]);
    expect(await keys()).toEqual(['origin']);
  });

  it('begin with the failure that was not counted', async () => {
    await watch([1], { failures: [1], failingS: [30] });
    expect(
      await ask(
        database,
        `select consecutive, origin = $1 as is_of_origin, extract(epoch from now() - failing_since) >= 30 as is_old
         from posthorn.breakers`,
        [origin],
      ),
    ).toEqual([{ consecutive: 1, is_of_origin: true, is_old: true }]);
  });
});

it('an answer closes the breaker of the origin, and that is said apart from lanes', async () => {
  await plantOrigin({ state: 'open', consecutive: 9, trips: 2 });
  await plantLane(1, { state: 'open', consecutive: 9 });
  await plantLane(2, { consecutive: 3 });
  const values = recordValues({ id: idOf(1), became: 'delivered' });
  const rows = await runFile<{ lane: string; lane_is: string }>(database, 'record', {
    ...values,
    aliveKeys: [origin, 2],
  });
  expect(rows.map(({ lane, lane_is }) => [lane, lane_is])).toEqual([[origin, 'origin_closed']]);
  expect(await keys()).toEqual([1]);
});

describe('an endpoint', () => {
  const endpointAt = async (url: string, settings = {}) => {
    const endpoint = await registerEndpoint(database, { url, ...settings });
    const { lane } = await endpoint.row();
    return { endpoint, lane: String(lane) };
  };
  /** What workers are told while the work is done. */
  const toldBy = async (work: () => Promise<void>): Promise<string[]> => {
    const told: string[] = [];
    const client = await database.pool.connect();
    try {
      client.on('notification', ({ payload = '' }) => told.push(payload));
      await client.query(`listen ${wakeChannel}`);
      await work();
      await database.pool.query('select pg_notify($1, $2)', [wakeChannel, scanPayload]);
      while (!told.includes(scanPayload)) await client.query('select');
      return told.filter((payload) => payload !== scanPayload);
    } finally {
      client.release(true);
    }
  };

  it('begins anew with a URL that leads elsewhere, and not with another path', async () => {
    const { endpoint, lane } = await endpointAt(`${host}/old`);
    await plant(database, 'breakers', [
      { key: lane, url: `${host}/old`, state: 'open', throttled_until: later },
    ]);
    expect(await toldBy(() => endpoint.set({ url: `${host}/new` }))).toEqual([]);
    expect(await keys()).toHaveLength(1);
    const told = await toldBy(() => endpoint.set({ url: 'http://b.example/new' }));
    expect(told).toEqual([`closed:${lane}`]);
    expect(await keys()).toEqual([]);
  });

  it('that is enabled closes the breaker of its origin, which would disable it again', async () => {
    const { endpoint, lane } = await endpointAt(`${host}/1`, { status: 'disabled' });
    await plantOrigin({ state: 'open', failing_since: inS(-900_000), consecutive: 99 });
    await plant(database, 'breakers', [{ key: lane, url: `${host}/1`, state: 'open' }]);
    const told = await toldBy(() => endpoint.set({ status: 'active' }));
    expect(told.toSorted()).toEqual([`closed:${lane}`, `origin:${origin}`]);
    expect(await keys()).toEqual([]);
  });

  it.each(['paused', 'deleted'])(
    'that is %s leaves the breaker of its origin alone',
    async (status) => {
      const { endpoint } = await endpointAt(`${host}/1`);
      await plantOrigin({ state: 'open' });
      await endpoint.set({ status });
      expect(await keys()).toEqual(['origin']);
    },
  );
});
