import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { publish, subscriber } from '../support/events.ts';
import { ask, clear, whileHeld } from '../support/rows.ts';
import { limitTenant } from '../support/tenants.ts';

// When a tenant is full, and who is refused then.

const url = 'http://a.example/';
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

/** Counts, and says which tenants are full. */
async function count(pool = database.pool): Promise<string[]> {
  const [counted] = await ask<{ full: number }>(
    { pool },
    'select posthorn.note_full_tenants() as full',
  );
  const full = await ask<{ id: string }>(
    database,
    'select id from posthorn.tenants where full_since is not null order by id',
  );
  expect(counted?.full).toBe(full.length);
  return full.map(({ id }) => id);
}

/** Webhooks to URLs. */
const wait = async (tenant: string, webhooks: number) => {
  await database.pool.query(
    `insert into posthorn.outbox (url, tenant, body) select $1, $2, '' from generate_series(1, $3)`,
    [url, tenant, webhooks],
  );
};

describe('a tenant is full', () => {
  it('from its max_waiting on, until it has less than 90 % of that', async () => {
    await limitTenant(database, { id: 'acme', max_waiting: 20 });
    await wait('acme', 19);
    await wait('', 50);
    expect(await count()).toEqual([]);
    await wait('acme', 1);
    expect(await count()).toEqual(['acme']);
    const since = await ask(database, 'select full_since from posthorn.tenants');
    await database.pool.query(
      `delete from posthorn.queue
       where webhook_id in (select webhook_id from posthorn.queue where tenant_key is not null limit 2)`,
    );
    expect(await count()).toEqual(['acme']);
    expect(await ask(database, 'select full_since from posthorn.tenants')).toEqual(since);
    await database.pool.query('delete from posthorn.queue');
    await wait('acme', 17);
    expect(await count()).toEqual([]);
  });

  it('because of all that is unfinished: events, direct sends, what goes to URLs', async () => {
    await limitTenant(database, { id: 'acme', max_waiting: 6 });
    await limitTenant(database, { id: 'globex', max_waiting: 5 });
    await limitTenant(database, { id: 'nobody', max_waiting: 1 });
    await limitTenant(database, { id: 'unlimited', max_in_flight: 1 });
    await subscriber(database, { tenant: 'acme' });
    await publish(database.pool, { tenant: 'acme' });
    await wait('acme', 2);
    await wait('globex', 2);
    await wait('unlimited', 9);
    for (const tenant of ['acme', 'globex']) {
      await (await registerEndpoint(database, { url, tenant })).enqueue(2);
    }
    await database.pool.query(
      `update posthorn.queue set lease_until = now() + interval '1 min', attempts = 1 where origin is null`,
    );
    expect(await count()).toEqual([]);
    await database.pool.query(
      `insert into posthorn.outbox (url, tenant, body, send_at)
       select $1, t, '', now() + interval '1 day' from unnest(array['acme', 'globex']) as t`,
      [url],
    );
    expect(await count()).toEqual(['acme', 'globex']);
  });

  it('no more when it has another max_waiting, until it is counted again', async () => {
    const acme = await limitTenant(database, { id: 'acme', max_waiting: 1 });
    await wait('acme', 2);
    expect(await count()).toEqual(['acme']);
    await acme.set({ name: 'Acme', refuse_when_full: false });
    expect(
      await ask(database, 'select full_since is null as is_clear from posthorn.tenants'),
    ).toEqual([{ is_clear: false }]);
    for (const [max_waiting, full] of [
      [2, ['acme']],
      [null, []],
    ] as const) {
      await acme.set({ max_waiting });
      const rows = await ask(database, 'select full_since from posthorn.tenants');
      expect(rows).toEqual([{ full_since: null }]);
      expect(await count()).toEqual(full);
    }
  });

  it('only when it is not locked by somebody else, for whom nobody waits', async () => {
    await limitTenant(database, { id: 'acme', max_waiting: 1 });
    await limitTenant(database, { id: 'globex', max_waiting: 1 });
    await wait('acme', 1);
    await wait('globex', 1);
    const held = `select from posthorn.tenants where id = 'acme' for update`;
    expect(await whileHeld(database, held, count)).toEqual(['globex']);
    expect(await count()).toEqual(['acme', 'globex']);
  });
});

describe('a full tenant', () => {
  let endpointId: string;

  beforeEach(async () => {
    endpointId = (await registerEndpoint(database, { url, tenant: 'acme' })).id;
    await limitTenant(database, { id: 'acme', max_waiting: 1, refuse_when_full: true });
    await wait('acme', 1);
    await count();
  });

  const into = (columns: string, values: string) =>
    database.pool.query(`insert into posthorn.outbox (${columns}) values (${values})`);
  const ways: readonly [string, () => Promise<unknown>][] = [
    ['a webhook to a URL', () => into('url, tenant, body', `'${url}', 'acme', ''`)],
    ['a direct send', () => into('endpoint_id, tenant, body', `'${endpointId}', 'acme', ''`)],
    ['one that does not name it', () => into('endpoint_id, body', `'${endpointId}', ''`)],
    ['an event', () => into('event_type, tenant, body', `'a', 'acme', ''`)],
    ['publish()', () => publish(database.pool, { tenant: 'acme' })],
    [
      'one of many in a statement',
      () =>
        into('url, tenant, body', `'${url}', '', ''), ('${url}', 'b', ''), ('${url}', 'acme', ''`),
    ],
  ];

  it.each(ways)('refuses %s, and nothing is left of it', async (_, send) => {
    await expect(send()).rejects.toMatchObject({
      ...{ code: '23514', constraint: 'outbox_tenant_is_not_full', table: 'outbox' },
      detail: expect.stringContaining('"acme" has too many webhooks waiting'),
    });
    expect(await ask(database, 'select count(*)::integer as n from posthorn.outbox')).toEqual([
      { n: 1 },
    ]);
  });

  it.each(ways)('lets %s in if it does not refuse, and when it is not full', async (_, send) => {
    const set = (to: string) => database.pool.query(`update posthorn.tenants set ${to}`);
    await set('refuse_when_full = false');
    await send();
    await set('refuse_when_full = true, full_since = null');
    await send();
  });

  it('does not concern others, the application itself and events for all tenants', async () => {
    await wait('globex', 1);
    await wait('', 1);
    await publish(database.pool, { tenant: '*' });
    const other = await registerEndpoint(database, { url, tenant: 'globex' });
    await other.enqueue(1);
  });

  it('keeps no producer waiting while somebody changes it', async () => {
    const change = `update posthorn.tenants set max_waiting = 100, full_since = null`;
    await whileHeld(database, change, async (pool) => {
      await expect(publish(pool, { tenant: 'acme' })).rejects.toMatchObject({
        constraint: 'outbox_tenant_is_not_full',
      });
    });
  });
});
