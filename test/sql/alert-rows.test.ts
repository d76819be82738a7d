import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { clear, idOf, inS, plant, plantQueue, runFile } from '../support/rows.ts';

// What the evaluation of the alert rules finds, row by row.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const url = 'http://a.example/';
const alert = { severity: 'warning', summary: '' };

describe('breakers that are open for long', () => {
  it('are those whose lane is not held and has something waiting', async () => {
    const breaker = {
      url,
      state: 'open',
      failing_since: inS(-950),
      consecutive: 7,
      last_error: 'why',
    };
    await plant(
      database,
      'breakers',
      [1, 2, 3, 4, 5, 6].map((lane) => ({
        ...{ ...breaker, key: lane },
        ...(lane === 2 && { state: 'closed' }),
        ...(lane === 3 && { failing_since: inS(-400) }),
      })),
    );
    await plant(database, 'lane_rules', [
      { lane: 4, is_held: true, is_ordered: false },
      { lane: 6, is_held: false, is_ordered: true },
    ]);
    await plantQueue(
      database,
      [1, 2, 3, 4, 6].map((lane) => ({ n: lane, lane, due_at: inS(9_000) })),
    );
    const found = await runFile<{ failing_ms: number; key: string }>(database, 'alert-breakers', {
      failingS: 900,
      maxNew: 9,
    });
    expect(found.map(({ key }) => key).toSorted()).toEqual(['1', '6']);
    expect(found[0]).toMatchObject({ url, failures: 7, last_error: 'why' });
    expect(found[0]?.failing_ms).toBeGreaterThanOrEqual(949_000);
    expect(found[0]?.failing_ms).toBeLessThan(1_100_000);
  });

  it('are found for longest first, and those with an alert in any case', async () => {
    await plant(
      database,
      'breakers',
      [1, 2, 3, 4].map((key) => ({ key, url, state: 'open', failing_since: inS(-5_000 + key) })),
    );
    await plantQueue(
      database,
      [1, 2, 3, 4].map((lane) => ({ n: lane, lane })),
    );
    await plant(database, 'alerts', [
      { ...alert, rule: 'breaker_open', subject: '4' },
      { ...alert, rule: 'breaker_open', subject: '3', resolved_at: inS(-1) },
      { ...alert, rule: 'endpoint_failing', subject: '3' },
    ]);
    const found = await runFile(database, 'alert-breakers', { failingS: 900, maxNew: 1 });
    expect(found.map(({ key }) => key).toSorted()).toEqual(['1', '4']);
  });
});

describe('endpoints on the way to being disabled', () => {
  it('are active, and have failed often enough for long enough; those that disabled themselves are found as well', async () => {
    const made: Record<string, string> = {};
    const fail = async (name: string, settings: object = {}, breaker: object = {}) => {
      const endpoint = await registerEndpoint(database, {
        url: `http://a.example/${name.replaceAll(' ', '-')}?key=hush`,
        ...settings,
      });
      made[endpoint.id] = name;
      const { lane } = await endpoint.row();
      await plant(database, 'breakers', [
        {
          key: lane,
          url,
          failing_since: inS(-4_000),
          consecutive: 5,
          last_error: 'why',
          ...breaker,
        },
      ]);
      return endpoint;
    };
    await fail('fails');
    await fail('fails for less', {}, { failing_since: inS(-3_000) });
    await fail('fails seldom', {}, { consecutive: 4 });
    await fail('paused', { status: 'paused' });
    await fail('disabled by somebody', { status: 'disabled', status_reason: 'by_request' });
    await fail('disabled', { status: 'disabled', status_reason: 'failing' });
    await fail('gone', { status: 'disabled', status_reason: 'gone' });
    await fail('deleted', { status: 'deleted', status_reason: 'gone' });
    const found = await runFile<{ id: string; url: string; disabled_as: string | null }>(
      database,
      'alert-endpoints',
      { failingS: 3_600, minFailures: 5, maxNew: 9 },
    );
    expect(Object.fromEntries(found.map(({ id, disabled_as }) => [made[id], disabled_as]))).toEqual(
      { fails: null, disabled: 'failing', gone: 'gone' },
    );
    expect(JSON.stringify(found)).not.toContain('hush');
    expect(found.find(({ id }) => made[id] === 'fails')).toMatchObject({ last_error: 'why' });
  });

  it('are found for longest first, as many as may be without an alert', async () => {
    const ids: string[] = [];
    for (const n of [1, 2, 3]) {
      const endpoint = await registerEndpoint(database, { url });
      ids.push(endpoint.id);
      const { lane } = await endpoint.row();
      await plant(database, 'breakers', [
        { key: lane, url, failing_since: inS(-9_000 + n), consecutive: 9 },
      ]);
    }
    for (const n of [4, 5, 6]) {
      const since = inS(-9_000 + n);
      const disabled = {
        url,
        status: 'disabled',
        status_reason: 'gone',
        status_since: since.toISOString(),
      };
      ids.push((await registerEndpoint(database, disabled)).id);
    }
    const rule = { ...alert, rule: 'endpoint_failing' };
    await plant(database, 'alerts', [
      { ...rule, subject: ids[2] },
      { ...rule, subject: ids[5] },
      { ...rule, subject: ids[1], resolved_at: inS(-1) },
      { ...alert, rule: 'breaker_open', subject: ids[4] },
    ]);
    const found = await runFile(database, 'alert-endpoints', {
      failingS: 3_600,
      minFailures: 5,
      maxNew: 1,
    });
    expect(found.map(({ id }) => ids.indexOf(id)).toSorted()).toEqual([0, 2, 3, 5]);
  });
});

describe('failure rates', () => {
  const rates = (seconds: number, least: number, most: number) =>
    runFile<Record<string, unknown>>(database, 'alert-failures', {
      windowS: seconds,
      minAttempts: least,
      maxNew: most,
    });
  const tally = { worker: 1, attempts: 10, failures: 4, is_watched: true };

  it('are those of the period, over all and of the endpoints that are watched and tried enough', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 4; n += 1) ids.push((await registerEndpoint(database, { url })).id);
    const [often, seldom, unwatched, worse] = ids;
    await plant(database, 'tallies', [
      { ...tally, is_watched: false },
      { ...tally, is_watched: false, attempts: 5, failures: 1 },
      { ...tally, is_watched: false, counted_at: inS(-700) },
      { ...tally, is_watched: false, counted_at: 'infinity' },
      { ...tally, endpoint_id: often },
      { ...tally, endpoint_id: often },
      { ...tally, endpoint_id: often, counted_at: inS(-700) },
      { ...tally, endpoint_id: seldom, attempts: 9 },
      { ...tally, endpoint_id: unwatched, is_watched: false },
      { ...tally, endpoint_id: worse, failures: 5 },
      { ...tally, endpoint_id: idOf(9) },
    ]);
    const found = await rates(600, 10, 9);
    expect(found).toContainEqual(expect.objectContaining({ id: null, attempts: 15, failures: 5 }));
    expect(found.filter(({ id }) => id !== null)).toEqual(
      expect.arrayContaining([
        { id: often, url, attempts: 20, failures: 8, is_waiting: false },
        { id: worse, url, attempts: 10, failures: 5, is_waiting: false },
      ]),
    );
    expect(found).toHaveLength(3);
    // The worst ones first.
    expect((await rates(600, 10, 1)).map(({ id }) => id).filter((id) => id !== null)).toEqual([
      worse,
    ]);
  });

  it.each([
    {
      is: 'was tried',
      settings: {},
      tried: true,
      waits: {},
      found: { attempts: 10, is_waiting: false },
    },
    {
      is: 'was not tried',
      settings: {},
      tried: false,
      waits: null,
      found: { attempts: 0, is_waiting: false },
    },
    {
      is: 'was not tried, and waits',
      settings: {},
      tried: false,
      waits: {},
      found: { attempts: 0, is_waiting: true },
    },
    {
      is: 'waits for a first attempt later',
      ...{
        settings: {},
        tried: false,
        waits: { due_at: inS(900) },
        found: { attempts: 0, is_waiting: false },
      },
    },
    {
      is: 'waits for a retry',
      settings: {},
      tried: false,
      waits: { due_at: inS(900), attempts: 1 },
      found: { attempts: 0, is_waiting: true },
    },
    { is: 'is paused', settings: { status: 'paused' }, tried: true, waits: {}, found: null },
  ])(
    'of an endpoint that has an alert and $is: $found',
    async ({ settings, tried, waits, found }) => {
      const endpoint = await registerEndpoint(database, { url, ...settings });
      const { lane } = await endpoint.row();
      const others = [
        await registerEndpoint(database, { url }),
        await registerEndpoint(database, { url }),
      ];
      await plant(database, 'alerts', [
        { ...alert, rule: 'endpoint_failure_rate', subject: endpoint.id },
        { ...alert, rule: 'endpoint_failure_rate', subject: others[0]?.id, resolved_at: inS(-1) },
        { ...alert, rule: 'endpoint_failing', subject: others[1]?.id },
      ]);
      if (tried) await plant(database, 'tallies', [{ ...tally, endpoint_id: endpoint.id }]);
      if (waits !== null) await plantQueue(database, [{ n: 1, lane, ...waits }]);
      const rows = (await rates(600, 99, 0)).filter(({ id }) => id !== null);
      expect(rows).toMatchObject(found === null ? [] : [{ id: endpoint.id, ...found }]);
    },
  );
});

it('full tenants are found, for longest first, and those with an alert in any case', async () => {
  await plant(
    database,
    'tenants',
    [null, 50, 90, 70, 60].map((fullS, at) => ({
      ...{ id: `t${at}`, max_waiting: 9, refuse_when_full: at === 2 },
      full_since: fullS === null ? null : inS(-fullS),
    })),
  );
  await plant(database, 'alerts', [{ ...alert, rule: 'tenant_full', subject: 't1' }]);
  const found = await runFile<{ id: string; full_ms: number }>(database, 'alert-tenants', {
    maxNew: 2,
  });
  expect(found.map(({ id }) => id).toSorted()).toEqual(['t1', 't2', 't3']);
  const longest = found.find(({ id }) => id === 't2');
  expect(longest).toMatchObject({ max_waiting: 9, refuses: true });
  expect(longest?.full_ms).toBeGreaterThanOrEqual(89_000);
});
