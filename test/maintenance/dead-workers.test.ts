import { beforeEach, describe, expect, it } from 'vitest';
import { createEvents } from '../../src/events.ts';
import { createLog } from '../../src/log.ts';
import { disableFailing } from '../../src/maintenance/disable.ts';
import { leave, rescueDeadWorkers, rescueFormerHolder } from '../../src/worker/rescue.ts';
import { createTestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { ask, clear, idOf, inS, plant, plantQueue } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// What is done about workers that died, or leave, and about endpoints that fail for days.

const database = forFile(createTestDatabase);

beforeEach(async () => {
  await clear(database);
  await database.pool.query('delete from posthorn.workers');
  const worker = { host: 'h', pid: 1, version: '1' };
  await plant(
    database,
    'workers',
    [1, 2, 3].map((number) => ({ ...worker, number })),
  );
  await plant(
    database,
    'lane_rules',
    [1, 2, 3].map((owner) => ({
      ...{ lane: owner, owner, is_held: false, is_ordered: false, rate_limit_per_s: 1 / 900 },
    })),
  );
  await plantQueue(
    database,
    [1, 2, 3].map((n) => ({ n, leased_by: n, lease_until: inS(3_600), attempts: 1 })),
  );
});

const rescueOptions = () => ({
  keep: [] as string[],
  events: createEvents(),
  log: createLog('silent'),
});
const leasing = async () =>
  (
    await ask<{ n: number }>(
      database,
      'select leased_by as n from posthorn.queue where leased_by is not null order by 1',
    )
  ).map(({ n }) => n);
const known = async () =>
  (await ask<{ n: number }>(database, 'select number as n from posthorn.workers order by 1')).map(
    ({ n }) => n,
  );
const owners = () =>
  ask(
    database,
    `select owner, rate_from > now() + interval '10 minutes' as is_rated from posthorn.lane_rules order by lane`,
  );

/** Worker 2 lives while the work is done. */
async function whileTwoLives<Result>(work: () => Promise<Result>): Promise<Result> {
  const holder = await database.pool.connect();
  try {
    await holder.query('select pg_advisory_lock(1886352244, 2)');
    return await work();
  } finally {
    holder.release(true);
  }
}

describe('the rescue', () => {
  it('is of those whose lock is not held: their leases, their lanes and their numbers', async () => {
    const rescued = await whileTwoLives(() => rescueDeadWorkers(database.pool, rescueOptions()));
    expect(rescued).toEqual([1, 3]);
    expect(await leasing()).toEqual([2]);
    expect(await known()).toEqual([2]);
    // What the dead have sent lately is not known.
    expect(await owners()).toEqual([
      { owner: null, is_rated: true },
      { owner: 2, is_rated: null },
      { owner: null, is_rated: true },
    ]);
  });

  it('keeps the number as long as something is leased in its name', async () => {
    await whileTwoLives(() =>
      rescueDeadWorkers(database.pool, { ...rescueOptions(), keep: [idOf(3)] }),
    );
    expect(await leasing()).toEqual([2, 3]);
    expect(await known()).toEqual([2, 3]);
  });

  it('by who takes a number over leaves the lanes of that number alone', async () => {
    await rescueFormerHolder(database.pool, { ...rescueOptions(), number: 1 });
    expect(await leasing()).toEqual([2, 3]);
    expect(await known()).toEqual([1, 2, 3]);
    expect((await owners())[0]).toEqual({ owner: 1, is_rated: null });
  });
});

it('a worker that leaves gives up its lanes, at their rates, and its number', async () => {
  await leave(database.pool, 1);
  expect(await known()).toEqual([2, 3]);
  expect(await owners()).toEqual([
    { owner: null, is_rated: null },
    { owner: 2, is_rated: null },
    { owner: 3, is_rated: null },
  ]);
});

describe('an endpoint that has had no success for a day', () => {
  it.each([
    { is: 'fails often', settings: {}, breaker: {}, disabled: true },
    { is: 'failed 19 times', settings: {}, breaker: { consecutive: 19 }, disabled: false },
    {
      is: 'fails for less',
      ...{ settings: {}, breaker: { failing_since: inS(-80_000) }, disabled: false },
    },
    { is: 'is paused', settings: { status: 'paused' }, breaker: {}, disabled: false },
    { is: 'was deleted', settings: { status: 'deleted' }, breaker: {}, disabled: false },
  ])('and $is is disabled: $disabled', async ({ settings, breaker, disabled }) => {
    const endpoint = await registerEndpoint(database, { url: 'http://a.example/', ...settings });
    const other = await registerEndpoint(database, { url: 'http://a.example/' });
    const { lane } = await endpoint.row();
    await plant(database, 'breakers', [
      { key: lane, url: '', consecutive: 20, failing_since: inS(-86_401), ...breaker },
    ]);
    const events = createEvents();
    const told: unknown[] = [];
    events.on('endpointsDisabled', (event) => told.push(event));
    const ids = await disableFailing(database.pool, { disableAfterMs: 86_400_000, events });
    expect(ids).toEqual(disabled ? [endpoint.id] : []);
    expect(told).toEqual(disabled ? [{ ids, reason: 'failing' }] : []);
    const { status, status_reason: reason } = await endpoint.row();
    expect([status, reason]).toEqual(
      disabled ? ['disabled', 'failing'] : [settings.status ?? 'active', null],
    );
    expect(await other.row()).toMatchObject({ status: 'active' });
  });
});
