import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordValues } from '../support/claimed.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, clear, idOf, inS, plant, runFile, whileHeld } from '../support/rows.ts';

// What a success does to the breaker of its lane.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

describe('a lane that has shown to be alive', () => {
  const breaker = { url: 'http://a.example/', consecutive: 7, trips: 2, probe_attempt: 1 };
  const alive = async (lanes: readonly number[]) => {
    const values = { ...recordValues({ id: idOf(1), became: 'delivered' }), aliveKeys: lanes };
    return await runFile<{ lane: string; lane_is: string }>(database, 'record', values);
  };
  const open = { state: 'open', open_until: inS(60), probe_until: inS(60), probe_webhook: idOf(1) };

  it('loses its breaker, and keeps a pause that it asked for', async () => {
    await plant(database, 'breakers', [
      { ...breaker, key: 1, ...open },
      { ...breaker, key: 2 },
      { ...breaker, key: 3, ...open, throttled_until: inS(3_600) },
      { ...breaker, key: 4, throttled_until: inS(3_600) },
      { ...breaker, key: 5, throttled_until: inS(-1) },
      { ...breaker, key: 9, ...open },
    ]);
    const said = await alive([1, 2, 3, 4, 5]);
    expect(said.map(({ lane, lane_is }) => `${lane} ${lane_is}`).toSorted()).toEqual([
      '1 closed',
      '3 closed',
    ]);
    const healthy = { state: 'closed', consecutive: 0, trips: 0, open_until: null };
    const unprobed = { probe_until: null, probe_webhook: null, probe_attempt: null };
    expect(await ask(database, 'select * from posthorn.breakers order by key')).toMatchObject([
      { key: '3', ...healthy, ...unprobed, throttled_until: expect.any(Date) },
      { key: '4', ...healthy, ...unprobed, throttled_until: expect.any(Date) },
      { key: '9', state: 'open', consecutive: 7, trips: 2 },
    ]);
  });

  it('is said to be locked when somebody has its breaker', async () => {
    await plant(database, 'breakers', [{ ...breaker, key: 1, ...open }]);
    const values = { ...recordValues({ id: idOf(1), became: 'delivered' }), aliveKeys: [1, 2] };
    const rows = await whileHeld(database, 'select from posthorn.breakers for update', (pool) =>
      runFile({ pool }, 'record', values),
    );
    expect(rows).toMatchObject([{ lane: '1', lane_is: 'breaker_locked' }]);
    expect(await ask(database, 'select state from posthorn.breakers')).toEqual([{ state: 'open' }]);
  });
});
