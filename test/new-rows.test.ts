import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from './support/database.ts';
import { catchUpAll, recipientsOf, subscriber } from './support/events.ts';
import { createTestRoles, type TestRoles } from './support/roles.ts';
import { forEachTest } from './support/world.ts';

// posthorn.new_webhooks and posthorn.new_events take what ORMs write by themselves, from a login that is only a producer.

let database: TestDatabase;
let roles: TestRoles;

beforeAll(async () => {
  database = await createTestDatabase();
  roles = await createTestRoles(database);
});

afterAll(() => roles[Symbol.asyncDispose]());

const shop = forEachTest(() => roles.connect('producer'));

const url = 'https://example.com/hook';
const body = '{"type": "order.created"}';

type Row = Readonly<Record<string, unknown>>;

/** The views, the table of which each is a form, and the values that a row needs. */
const views: readonly [name: string, needed: Row][] = [
  ['new_webhooks', { url, body }],
  ['new_events', { tenant: 'acme', event_type: 'order.paid', body }],
];

/** All columns of a view, whether they are given or not, as an ORM without a notion of defaults writes them. */
async function insert(
  view: string,
  given: Row,
  { client = shop, rest = '' }: { client?: Pick<pg.Client, 'query'>; rest?: string } = {},
): Promise<Record<string, unknown>> {
  const { rows: columns } = await database.pool.query<{ name: string }>(
    `select attname::text as name from pg_attribute where attrelid = $1::regclass and attnum > 0 order by attnum`,
    [`posthorn.${view}`],
  );
  const names = columns.map(({ name }) => name);
  const { rows } = await client.query(
    `insert into posthorn.${view} (${names.join(', ')})
     values (${names.map((_, at) => `$${at + 1}`).join(', ')}) ${rest} returning *`,
    names.map((name) => given[name] ?? null),
  );
  return rows[0];
}

/** As a client makes it that has made it some time ago. */
async function uuidV7(ageMs = 0): Promise<string> {
  const { rows } = await database.pool.query<{ id: string }>(
    `select overlay(posthorn.uuid_v7()::text
       placing left(posthorn.uuid_floor(clock_timestamp() - make_interval(secs => $1))::text, 13) from 1)::uuid as id`,
    [ageMs / 1_000],
  );
  return rows[0]?.id ?? '';
}

async function inOutbox(id: unknown): Promise<Record<string, unknown> | undefined> {
  const { rows } = await database.pool.query('select * from posthorn.outbox where id = $1', [id]);
  return rows[0];
}

describe.each(views)('%s', (view, needed) => {
  it('takes NULL for every default, and returns the row as it was inserted', async () => {
    const returned = await insert(view, needed);
    expect(returned).toMatchObject({
      ...needed,
      ...{ content_type: 'application/json', priority: 'normal', headers: null },
      ...{ id: expect.stringMatching(/^[0-9a-f-]{36}$/), created_at: expect.any(Date) },
    });
    expect(await inOutbox(returned['id'])).toMatchObject(returned);
  });

  it('keeps every value that is given', async () => {
    const given = {
      ...needed,
      ...{
        tenant: 'acme',
        headers: { 'X-Shop': 'a' },
        content_type: 'text/plain',
        priority: 'high',
      },
      ...{
        send_at: new Date(Date.now() + 60_000),
        max_attempts: 3,
        idempotency_key: `${view} all`,
      },
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      ...(view === 'new_webhooks' ? { secret: 'a secret' } : {}),
    };
    const returned = await insert(view, given);
    expect(returned).toMatchObject(given);
    expect(await inOutbox(returned['id'])).toMatchObject(returned);
  });

  it.each([null, 'null', '[]'])('takes %j for no headers', async (headers) => {
    const returned = await insert(view, { ...needed, headers });
    expect(returned['headers']).toBeNull();
    expect(await inOutbox(returned['id'])).toMatchObject({ headers: null });
  });

  it('takes a UUID v7 of today, and replaces any other', async () => {
    const mine = await uuidV7();
    expect(await insert(view, { ...needed, id: mine })).toMatchObject({ id: mine });
    for (const id of [
      '11111111-1111-4111-8111-111111111111',
      '01900000-0000-7000-8000-000000000000',
      'ffffffff-0001-7111-8111-111111111111',
    ]) {
      const returned = await insert(view, { ...needed, id });
      expect(returned['id']).not.toBe(id);
      expect(await inOutbox(returned['id'])).toMatchObject({ body });
    }
  });

  it('takes a UUID v7 of a minute ago for a webhook, and not for an event', async () => {
    const id = await uuidV7(60_000);
    const returned = await insert(view, { ...needed, id });
    expect(returned['id'] === id).toBe(view === 'new_webhooks');
    expect(await inOutbox(returned['id'])).toMatchObject({ body });
  });

  it('refuses an id that is there already', async () => {
    const id = await uuidV7();
    await insert(view, { ...needed, id });
    await expect(insert(view, { ...needed, id })).rejects.toMatchObject({ code: '23505' });
  });

  it('ignores a time of creation', async () => {
    const { created_at: createdAt } = await insert(view, { ...needed, created_at: '2020-01-01' });
    expect((createdAt as Date).getTime()).toBeGreaterThan(Date.now() - 60_000);
  });

  it('inserts nothing for a known idempotency key, and returns the id of the first', async () => {
    const given = { ...needed, idempotency_key: `${view} once` };
    const first = await insert(view, given);
    const again = await insert(view, given);
    expect(again).toMatchObject({ id: first['id'], created_at: expect.any(Date) });
    const ignored = await insert(view, given, { rest: 'on conflict do nothing' });
    expect(ignored['id']).toBe(first['id']);
    const { rows } = await database.pool.query(
      'select count(*)::integer as n from posthorn.outbox where idempotency_key = $1',
      [given.idempotency_key],
    );
    expect(rows).toEqual([{ n: 1 }]);
  });

  it('inserts nothing for a known idempotency key that comes with the id of the first', async () => {
    const given = { ...needed, id: await uuidV7(), idempotency_key: `${view} same id` };
    await insert(view, given);
    expect(await insert(view, given, { rest: 'on conflict do nothing' })).toMatchObject(given);
    // The id alone is not enough: this is another row.
    const other = { ...given, idempotency_key: `${view} other key` };
    await expect(insert(view, other)).rejects.toMatchObject({ code: '23505' });
  });

  it('takes many rows in a statement, and a key twice among them', async () => {
    const names = Object.keys(needed);
    const { rows } = await shop.query<{ id: string }>(
      `insert into posthorn.${view} (${names.join(', ')}, idempotency_key)
       select ${names.map((_, at) => `$${at + 1}`).join(', ')}, '${view} ' || n / 2 from generate_series(0, 999) as n
       returning id`,
      Object.values(needed),
    );
    expect(rows).toHaveLength(1_000);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(500);
  });

  it('takes DEFAULT for any column, and jsonb for the body', async () => {
    const names = Object.keys(needed).filter((name) => name !== 'body');
    const values = names.map((_, at) => `$${at + 1}`).join(', ');
    const { rows } = await shop.query<{ body: string; priority: string }>(
      `insert into posthorn.${view} (id, priority, created_at, headers, body, ${names.join(', ')})
       values
         (default, default, default, default, jsonb_build_object('a', 1), ${values}),
         (default, 'low', default, default, '{"a": 2}', ${values})
       returning body, priority`,
      names.map((name) => needed[name]),
    );
    expect(rows).toEqual([
      { body: '{"a": 1}', priority: 'normal' },
      { body: '{"a": 2}', priority: 'low' },
    ]);
  });

  it('is filled by COPY, too', async () => {
    const names = Object.keys(needed);
    const line = names.map((name) => needed[name]).join('\\t');
    const { rowCount } = await database.pool.query(
      `copy posthorn.${view} (${names.join(', ')}) from program $$seq 10 | sed 's#.*#${line}#'$$`,
    );
    expect(rowCount).toBe(10);
  });

  it('keeps the rules of the outbox, and its errors show no value', async () => {
    const refused: unknown = await insert(view, {
      ...needed,
      headers: { Authorization: 'hush', Host: 'hush' },
    }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      ...{ code: '23514', table: 'outbox', constraint: 'outbox_headers_names_are_not_reserved' },
      message:
        'new row for relation "outbox" violates check constraint "outbox_headers_names_are_not_reserved"',
    });
    expect(JSON.stringify({ ...(refused as object) })).not.toContain('hush');
    await expect(insert(view, { ...needed, body: null })).rejects.toMatchObject({
      constraint: 'outbox_body_is_given',
    });
  });

  it('shows no row, and refuses changes', async () => {
    await insert(view, needed);
    expect((await shop.query(`select * from posthorn.${view}`)).rows).toEqual([]);
    for (const statement of [
      `update posthorn.${view} set body = ''`,
      `delete from posthorn.${view}`,
    ]) {
      await expect(database.pool.query(statement)).rejects.toMatchObject({ code: '55000' });
    }
  });

  it('does not take an id that a webhook of an event will have', async () => {
    const { id: endpointId } = await subscriber(database, { tenant: view }, { to: ['later'] });
    const { id: eventId } = await insert('new_events', { tenant: view, event_type: 'b', body });
    const { rows } = await shop.query<{ id: string }>('select posthorn.webhook_id($1, $2) as id', [
      eventId,
      endpointId,
    ]);
    const taken = rows[0]?.id;
    expect((await insert(view, { ...needed, id: taken }))['id']).not.toBe(taken);
    expect(await inOutbox(taken)).toBeUndefined();
  });

  it('replaces each id in a transaction that may not see the latest events', async () => {
    await shop.query('begin isolation level repeatable read; select 1');
    const id = await uuidV7();
    expect((await insert(view, { ...needed, id }))['id']).not.toBe(id);
    await shop.query('commit');
  });
});

it('a webhook of new_webhooks waits in the queue, to a URL or to an endpoint, and none after a rollback', async () => {
  const { id: endpointId } = await subscriber(database);
  const queued = async (id: unknown) =>
    (await database.pool.query('select from posthorn.queue where webhook_id = $1', [id])).rowCount;
  expect(await queued((await insert('new_webhooks', { url, body }))['id'])).toBe(1);
  const direct = await insert('new_webhooks', { endpoint_id: endpointId, body });
  expect(await queued(direct['id'])).toBe(1);
  await shop.query('begin');
  const { id } = await insert('new_webhooks', { url, body });
  await shop.query('rollback');
  expect(await queued(id)).toBe(0);
});

it('a key is the same in new_webhooks, enqueue() and the outbox', async () => {
  const { id } = await insert('new_webhooks', { url, body, idempotency_key: 'everywhere' });
  const { rows } = await shop.query<{ id: string }>(
    `select posthorn.enqueue(url => $1, body => $2, idempotency_key => 'everywhere') as id`,
    [url, body],
  );
  expect(rows).toEqual([{ id }]);
  await expect(
    shop.query(
      `insert into posthorn.outbox (url, body, idempotency_key) values ('${url}', '', 'everywhere')`,
    ),
  ).rejects.toMatchObject({
    ...{ code: '23505', constraint: 'outbox_idempotency_key_is_unique' },
    message: 'duplicate key value violates unique constraint "outbox_idempotency_key_is_unique"',
    detail: 'Key (tenant, idempotency_key)=(, everywhere) already exists.',
  });
});

it('a key, or its tenant, that no index could hold is refused by the rule', async () => {
  // Postgres does not compress it to the size that an index takes.
  const long = Array.from({ length: 3_000 }, (_, n) => ((n * 7_919) % 1e6).toString(36)).join('');
  for (const [constraint, given] of [
    ['outbox_idempotency_key_is_1_to_255_printable_ascii', { idempotency_key: long }],
    ['outbox_tenant_is_at_most_255_bytes', { tenant: long, idempotency_key: 'a' }],
  ] as const) {
    const refused = { code: '23514', constraint };
    await expect(insert('new_webhooks', { url, body, ...given })).rejects.toMatchObject(refused);
    const { tenant = '', idempotency_key: key } = { tenant: undefined, ...given };
    const enqueued = shop.query(
      'select posthorn.enqueue(url => $1, body => $2, tenant => $3, idempotency_key => $4)',
      [url, body, tenant, key],
    );
    await expect(enqueued).rejects.toMatchObject(refused);
  }
});

it('an event of new_events with an id from before its endpoint was disabled is caught up with', async () => {
  const endpoint = await subscriber(database, { tenant: 'cedar' });
  await endpoint.set({ status: 'disabled' });
  const id = await uuidV7(3_600_000);
  const event = await insert('new_events', { tenant: 'cedar', event_type: 'a', body, id });
  expect(await recipientsOf(database, String(event['id']))).toEqual([]);
  await endpoint.set({ status: 'active' });
  await catchUpAll(database.pool);
  expect(await recipientsOf(database, String(event['id']))).toEqual([endpoint.id]);
});

it('an event of new_events that is there already is refused, or known by its key, however old its id is', async () => {
  const event = {
    event_type: 'a',
    body,
    id: await uuidV7(60_000),
    idempotency_key: 'a minute ago',
  };
  await database.pool.query(
    'insert into posthorn.outbox (id, event_type, body, idempotency_key) values ($1, $2, $3, $4)',
    [event.id, event.event_type, body, event.idempotency_key],
  );
  expect(await insert('new_events', event)).toMatchObject({ id: event.id });
  const withoutKey = insert('new_events', { ...event, idempotency_key: null });
  await expect(withoutKey).rejects.toMatchObject({ code: '23505' });
});

it('an event of new_events goes to those who subscribe, and of the tenant "*" to all', async () => {
  const { id: endpointId } = await subscriber(database, { tenant: 'birch' });
  const { id } = await insert('new_events', { tenant: 'birch', event_type: 'order.paid', body });
  expect(await recipientsOf(database, String(id))).toEqual([endpointId]);
  const all = await insert('new_events', { tenant: '*', event_type: 'order.paid', body });
  const { rows } = await database.pool.query('select event_id from posthorn.fan_outs');
  expect(rows).toContainEqual({ event_id: all['id'] });
});
