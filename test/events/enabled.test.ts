import { beforeEach, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import type { TestEndpoint } from '../support/endpoints.ts';
import { catchUpAll, continueCatchUps, publish, subscriber } from '../support/events.ts';
import { ask, clear } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// What an endpoint receives when it is enabled after more has happened than that it was disabled.

const database = forFile(createTestDatabase);

beforeEach(() => clear(database));

async function enableWithoutCatchUp({ id }: TestEndpoint): Promise<void> {
  await database.pool.query(
    `begin;
     set local posthorn.catch_up = off;
     update posthorn.endpoints set status = 'active' where id = '${id}';
     commit`,
  );
}

/** It is enabled, and disabled again before its catch-up has begun. It misses an event each time. */
async function disabledTwice(): Promise<TestEndpoint> {
  const endpoint = await subscriber(database, { ordered: true });
  await endpoint.set({ status: 'disabled' });
  await publish(database.pool);
  await endpoint.set({ status: 'active' });
  await endpoint.set({ status: 'disabled' });
  await publish(database.pool);
  return endpoint;
}

const webhooks = async () => (await ask(database, 'select from posthorn.queue')).length;
const catchUps = () => ask(database, 'select status from posthorn.catch_ups');

it('without catching up it misses what an earlier catch-up has not added yet', async () => {
  const endpoint = await disabledTwice();
  await enableWithoutCatchUp(endpoint);
  expect(await endpoint.row()).toMatchObject({ catching_up: false, is_held: false });
  expect(await catchUps()).toEqual([{ status: 'cancelled' }]);
  expect(await continueCatchUps(database.pool)).toEqual([]);
  await publish(database.pool);
  expect(await webhooks()).toBe(1);
});

it('without catching up it still receives what was ordered by hand', async () => {
  const endpoint = await disabledTwice();
  await database.pool.query(`select posthorn.catch_up($1, now() - interval '1 hour')`, [
    endpoint.id,
  ]);
  await enableWithoutCatchUp(endpoint);
  expect(await endpoint.row()).toMatchObject({ catching_up: true, is_held: true });
  await catchUpAll(database.pool);
  expect(await webhooks()).toBe(2);
  expect(await catchUps()).toEqual([{ status: 'finished' }]);
});

it('it catches up after its tenant was renamed to the same id', async () => {
  const endpoint = await disabledTwice();
  expect(await ask(database, `select posthorn.rename_tenant('acme', 'acme') as endpoints`)).toEqual(
    [{ endpoints: '0' }],
  );
  await endpoint.set({ status: 'active' });
  await catchUpAll(database.pool);
  expect(await webhooks()).toBe(2);
});

it.each([
  [false, 'is paced at 100 a second', { rate_limit_per_s: 100, is_paced: true }],
  // It is held until then, so a pause between two steps would delay all that it gets.
  [true, 'is not paced', { rate_limit_per_s: 100, is_paced: false }],
] as const)('what it has missed, if it is ordered: %s, %s', async (ordered, _what, wanted) => {
  const endpoint = await subscriber(database, { ordered });
  await endpoint.set({ status: 'disabled' });
  await publish(database.pool);
  await endpoint.set({ status: 'active' });
  await continueCatchUps(database.pool);
  expect(
    await ask(
      database,
      'select rate_limit_per_s, paced_until is not null as is_paced from posthorn.catch_ups',
    ),
  ).toEqual([wanted]);
});
