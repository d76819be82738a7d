import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { originOf } from '../support/rows.ts';

// Keys of origins and tenants, by which shares and breakers are counted.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

it.each([
  ['http://a.example/x', 'http://a.example/y/z?q=/'],
  ['http://a.example', 'http://a.example?q=1/2'],
  ['http://a.example/', 'http://a.example:80/'],
  ['https://a.example/', 'https://a.example:443/x'],
  ['HTTPS://A.Example/', 'https://a.example/'],
  ['http://[::1]:80/', 'http://[::1]/'],
])('of %s and %s is one', async (one, other) => {
  expect(await originOf(database, one)).toBe(await originOf(database, other));
});

it.each([
  ['http://a.example/', 'https://a.example/'],
  ['http://a.example/', 'http://b.example/'],
  ['http://a.example/', 'http://a.example:8080/'],
  ['http://a.example/', 'http://a.example:443/'],
  ['https://a.example/', 'https://a.example:80/'],
  ['http://a.example/', 'http://a.example:4430/'],
  ['http://[::1]:80/', 'http://[::80]/'],
  ['http://a.example/b.example', 'http://b.example/'],
])('of %s and %s are two', async (one, other) => {
  expect(await originOf(database, one)).not.toBe(await originOf(database, other));
});

it('of no URL is null, and so is the key of no tenant', async () => {
  expect(await originOf(database, null)).toBeNull();
  const { rows } = await database.pool.query(
    `select posthorn.tenant_key('') as own, posthorn.tenant_key(null) as none, posthorn.tenant_key('a') <> posthorn.tenant_key('b') as differ,
       posthorn.tenant_key('a') = posthorn.tenant_key('a') as is_same`,
  );
  expect(rows).toEqual([{ own: null, none: null, differ: true, is_same: true }]);
});

it('is that of the URL in the queue, and that of an endpoint in its row, wherever its URL goes', async () => {
  const { pool } = database;
  await pool.query(`insert into posthorn.tenants (id) values ('acme') on conflict do nothing`);
  await pool.query(
    `insert into posthorn.outbox (url, tenant, body) values ('http://a.example/hook?x', 'acme', '{}')`,
  );
  const queued = await pool.query(
    `select origin = posthorn.origin_of('http://a.example') as is_origin, tenant_key = posthorn.tenant_key('acme') as is_tenant
     from posthorn.queue`,
  );
  expect(queued.rows).toEqual([{ is_origin: true, is_tenant: true }]);
  const { rows } = await pool.query<{ id: string }>(
    `insert into posthorn.endpoints (tenant, url) values ('acme', 'http://a.example/one') returning id`,
  );
  const [{ id } = { id: '' }] = rows;
  await pool.query(`insert into posthorn.outbox (endpoint_id, body) values ($1, '{}')`, [id]);
  await pool.query(`update posthorn.endpoints set url = 'https://b.example/two' where id = $1`, [
    id,
  ]);
  const moved = await pool.query(
    `select q.origin, q.tenant_key, e.origin = posthorn.origin_of('https://b.example') as is_origin, e.tenant_key = posthorn.tenant_key('acme') as is_tenant
     from posthorn.queue as q join posthorn.endpoints as e on e.lane = q.lane`,
  );
  expect(moved.rows).toEqual([
    { origin: null, tenant_key: null, is_origin: true, is_tenant: true },
  ]);
});
