import { beforeEach, describe, expect, it } from 'vitest';
import type { HeldBackRow } from '../../src/queries/held-back.ts';
import { createTestDatabase } from '../support/database.ts';
import { registerEndpoint, type TestEndpoint } from '../support/endpoints.ts';
import { plantWorker, reported } from '../support/held-worker.ts';
import { ask, clear, idOf, inS, plant } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// posthorn.held_back: what it says, by the rows that there are.

const database = forFile(createTestDatabase);
beforeEach(() => clear(database));

const later = inS(3_600);
const before = inS(-60);
const url = 'https://shop.example/hook?token=secret';
const read = () =>
  ask<HeldBackRow>(database, 'select * from posthorn.held_back order by level, name, reason');
const laneOf = async (endpoint: TestEndpoint) => String((await endpoint.row())['lane']);
const originKey = async () => {
  const [row] = await ask(database, 'select posthorn.origin_of($1)::text as key', [url]);
  return row?.['key'];
};
const ofWorker = { in_flight: null, slots: null, worker: null };

it('has no row while nothing is held back, though there are rules, breakers and a worker', async () => {
  await using _worker = await plantWorker(database, { number: 1, heldBack: [] });
  await registerEndpoint(database, { url, max_in_flight: 5 });
  await plant(database, 'breakers', [{ key: 7, url, state: 'closed', failing_since: before }]);
  expect(await read()).toEqual([]);
});

describe('a URL', () => {
  it('that fails has the times and the error of its breaker, and no query string', async () => {
    await plant(database, 'breakers', [
      {
        key: 7,
        url,
        state: 'open',
        failing_since: before,
        open_until: later,
        last_error: 'http_500',
      },
    ]);
    expect(await read()).toEqual([
      {
        ...{ level: 'url', name: 'https://shop.example/hook', tenant: null, endpoint_id: null },
        ...{ reason: 'breaker', since: before, until: later, last_error: 'http_500', ...ofWorker },
      },
    ]);
  });

  it('that asked for a pause is throttled since then', async () => {
    await plant(database, 'breakers', [
      { key: 7, url, throttled_until: later, last_failure_at: before, last_error: 'http_429' },
    ]);
    expect(await read()).toMatchObject([
      { level: 'url', reason: 'throttled', since: before, until: later },
    ]);
  });
});

it('an origin whose breaker is open is one, and not the URLs that fail there', async () => {
  const origin = await originKey();
  await plant(database, 'breakers', [
    {
      ...{ key: origin, url: 'https://shop.example', state: 'open', failing_since: before },
      ...{ open_until: later, last_error: 'connect_timeout' },
    },
    { key: 7, url, state: 'closed', failing_since: before },
  ]);
  expect(await read()).toEqual([
    {
      ...{ level: 'origin', name: 'https://shop.example', tenant: null, endpoint_id: null },
      ...{ reason: 'origin_breaker', since: before, until: later, last_error: 'connect_timeout' },
      ...ofWorker,
    },
  ]);
});

describe('an endpoint', () => {
  it('has its description, or its URL without its query, its tenant and the time of its pause', async () => {
    const one = await registerEndpoint(database, { url, description: 'Shop 7', tenant: 'acme' });
    const other = await registerEndpoint(database, { url });
    await database.pool.query(`update posthorn.endpoints set status = 'paused'`);
    await database.pool.query('update posthorn.endpoints set status_since = $1', [before]);
    const rest = {
      level: 'endpoint',
      reason: 'endpoint_paused',
      since: before,
      until: null,
      last_error: null,
    };
    expect(await read()).toEqual([
      { ...rest, ...ofWorker, name: 'Shop 7', tenant: 'acme', endpoint_id: one.id },
      {
        ...rest,
        ...ofWorker,
        name: 'https://shop.example/hook',
        tenant: '',
        endpoint_id: other.id,
      },
    ]);
  });

  it('that is ordered and waits for its first webhook does so since the last attempt', async () => {
    const lane = await laneOf(await registerEndpoint(database, { url, ordered: true }));
    await database.pool.query(
      'update posthorn.lane_rules set retry_at = $1, retry_of = $2 where lane = $3',
      [...[later, idOf(1), lane]],
    );
    await plant(database, 'attempts', [
      { webhook_id: idOf(1), number: 1, worker: 1, started_at: inS(-600) },
      { webhook_id: idOf(1), number: 2, worker: 1, started_at: before },
    ]);
    expect(await read()).toMatchObject([
      { level: 'endpoint', reason: 'retry_of_the_first', since: before, until: later },
    ]);
  });

  it('with two reasons has two rows', async () => {
    const lane = await laneOf(await registerEndpoint(database, { url, status: 'paused' }));
    await plant(database, 'breakers', [{ key: lane, url, state: 'open', open_until: later }]);
    expect((await read()).map(({ reason }) => reason)).toEqual(['breaker', 'endpoint_paused']);
  });
});

it('a tenant with as many unfinished webhooks as it may have is full since then', async () => {
  await plant(database, 'tenants', [{ id: 'acme', max_waiting: 10 }, { id: 'other' }]);
  await database.pool.query(`update posthorn.tenants set full_since = $1 where id = 'acme'`, [
    before,
  ]);
  expect(await read()).toEqual([
    {
      ...{ level: 'tenant', name: 'acme', tenant: 'acme', endpoint_id: null, reason: 'full' },
      ...{ since: before, until: null, last_error: null, ...ofWorker },
    },
  ]);
  await database.pool.query('delete from posthorn.tenants');
});

describe('a worker', () => {
  it('says what it holds back, as long as it is alive', async () => {
    const tenant = reported({
      level: 'tenant',
      name: 'acme',
      reason: 'slots',
      in_flight: 40,
      slots: 40,
    });
    const worker = await plantWorker(database, { number: 3, heldBack: [reported({}), tenant] });
    const since = new Date('2026-12-01T07:00:00Z');
    const rest = { endpoint_id: null, since, until: null, last_error: null, worker: 3 };
    expect(await read()).toEqual([
      {
        ...{ level: 'origin', name: 'https://hangs.example', tenant: null, reason: 'no_answer' },
        ...{ ...rest, in_flight: 16, slots: 16 },
      },
      {
        ...{ level: 'tenant', name: 'acme', tenant: 'acme', reason: 'slots' },
        ...{ ...rest, in_flight: 40, slots: 40 },
      },
    ]);
    await worker[Symbol.asyncDispose]();
    await plant(database, 'workers', [
      { number: 3, host: 'here', pid: 1, version: '0', held_back: JSON.stringify([tenant]) },
    ]);
    expect(await read()).toEqual([]);
    await database.pool.query('delete from posthorn.workers');
  });

  it.each([
    { of: 'an endpoint', level: 'tenant', name: 'acme' },
    { of: 'an endpoint', level: 'origin', name: 'https://shop.example' },
    { of: 'a URL', level: 'tenant', name: 'acme' },
    { of: 'a URL', level: 'origin', name: 'https://shop.example' },
  ] as const)(
    'that has not sent to a $level yet says what waits for it: a lane of $of',
    async (one) => {
      const endpoint = await registerEndpoint(database, { url, tenant: 'acme' });
      const lane = one.of === 'a URL' ? '7' : await laneOf(endpoint);
      await plant(database, 'outbox', [{ url, tenant: 'acme', body: '{}' }]);
      await database.pool.query('update posthorn.queue set lane = 7');
      const group = reported({
        level: one.level,
        name: null,
        lane,
        reason: 'unproven',
        in_flight: 0,
      });
      await using _worker = await plantWorker(database, { number: 1, heldBack: [group] });
      expect(await read()).toMatchObject([
        { level: one.level, name: one.name, reason: 'unproven' },
      ]);
    },
  );

  it('keeps a webhook that is due waiting for a slot of its tenant, or else of its origin', async () => {
    await plant(database, 'outbox', [{ url, body: '{}' }]);
    await database.pool.query('update posthorn.queue set origin = 5, tenant_key = 6');
    const origin = reported({ key: '5' });
    const tenant = reported({ key: '6', level: 'tenant', name: 'acme' });
    const waits = async (heldBack: readonly (typeof origin)[]) => {
      await using _worker = await plantWorker(database, { number: 1, heldBack });
      const [row] = await ask(database, 'select waits_for from posthorn.webhooks');
      return row?.['waits_for'];
    };
    expect(await waits([reported({ key: '4' })])).toBe('slot');
    expect(await waits([origin])).toBe('origin_slots');
    expect(await waits([origin, tenant])).toBe('tenant_slots');
  });
});
