import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEvents } from '../../src/events.ts';
import { disableFailing } from '../../src/maintenance/disable.ts';
import { prune } from '../../src/maintenance/prune.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint, type TestEndpoint } from '../support/endpoints.ts';
import { type Columns, clear, inS, originOf, plant, runFile } from '../support/rows.ts';

// What people are told of an origin that does not answer, and what it means for the endpoints there.

const host = 'http://a.example';
const day = 86_400;

let database: TestDatabase;
let origin: string;
let waiting: TestEndpoint;
let idle: TestEndpoint;

beforeAll(async () => {
  database = await createTestDatabase();
  origin = (await originOf(database, host)) ?? '';
});

afterAll(() => database.drop());

beforeEach(async () => {
  await clear(database);
  waiting = await registerEndpoint(database, { url: `${host}/waiting` });
  idle = await registerEndpoint(database, { url: `${host}/idle` });
  await registerEndpoint(database, { url: 'http://b.example/' });
  await waiting.enqueue(1);
});

const open = (row: Columns = {}) =>
  plant(database, 'breakers', [
    {
      ...{ key: origin, url: host, state: 'open', consecutive: 20, last_error: 'timeout' },
      ...{ failing_since: inS(-2 * day), last_failure_at: inS(-60), ...row },
    },
  ]);

describe('an endpoint is disabled with its origin', () => {
  const disable = () =>
    disableFailing(database.pool, { disableAfterMs: day * 1_000, events: createEvents() });

  it('after days without an answer, if something waits for it', async () => {
    await open();
    expect(await disable()).toEqual([waiting.id]);
    expect(await idle.row()).toMatchObject({ status: 'active' });
    expect(await disable()).toEqual([]);
  });

  it.each([
    { what: 'closed', row: { state: 'closed' } },
    { what: 'silent for hours', row: { failing_since: inS(-3_600) } },
    { what: 'asked rarely', row: { consecutive: 19 } },
  ])('not while that is $what', async ({ row }) => {
    await open(row);
    expect(await disable()).toEqual([]);
  });
});

describe('an alert', () => {
  const found = () =>
    runFile<Record<string, unknown>>(database, 'alert-breakers', { failingS: 900, maxNew: 9 });

  it('names the origin, as long as probes show that something waits', async () => {
    await open();
    expect(await found()).toMatchObject([
      { key: origin, is_origin: true, url: host, failures: 20 },
    ]);
    await database.pool.query(
      `update posthorn.breakers set last_failure_at = now() - interval '2 hours'`,
    );
    expect(await found()).toEqual([]);
  });

  const failing = async () =>
    (
      await runFile<{ id: string }>(database, 'alert-endpoints', {
        ...{ failingS: 3_600, minFailures: 5, maxNew: 9 },
      })
    ).map(({ id }) => id);

  it('names the endpoints there for which something waits, each once', async () => {
    await open();
    expect(await failing()).toEqual([waiting.id]);
    const lane = (await waiting.row())['lane'];
    const own = { key: lane, url: `${host}/waiting`, consecutive: 9 };
    await plant(database, 'breakers', [{ ...own, failing_since: inS(-3 * day) }]);
    expect(await failing()).toEqual([waiting.id]);
    await database.pool.query('delete from posthorn.breakers where key = $1', [lane]);
    await plant(database, 'breakers', [{ ...own, failing_since: inS(-60) }]);
    expect(await failing()).toEqual([waiting.id]);
  });
});

it('the row of an origin is forgotten a day after its last failure', async () => {
  await open({ last_failure_at: inS(-0.9 * day) });
  const retention = { retentionMs: 7 * day * 1_000 };
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenBreakers: 0 });
  await database.pool.query(
    `update posthorn.breakers set last_failure_at = now() - interval '25 h'`,
  );
  expect(await prune(database.pool, retention)).toMatchObject({ forgottenBreakers: 1 });
});
