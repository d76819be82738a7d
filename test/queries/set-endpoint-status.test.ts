import { createPool, type DatabasePool } from 'slonik';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EndpointStatus } from '../../src/queries/endpoint-row.ts';
import { setEndpointStatus } from '../../src/queries/set-endpoint-status.ts';
import { createTestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { eventually } from '../support/eventually.ts';
import { forFile } from '../support/world.ts';

// Two changes of one endpoint at once: the second is told of what the first has made of it.

const database = forFile(createTestDatabase);
let pool: DatabasePool;

beforeAll(async () => {
  pool = await createPool(database.url);
});

afterAll(() => pool.end());

it.each<[EndpointStatus, readonly EndpointStatus[], EndpointStatus, object]>([
  ['paused', ['active'], 'paused', { kind: 'done' }],
  ['disabled', ['active'], 'paused', { kind: 'conflict', status: 'disabled' }],
  ['deleted', ['active'], 'paused', { kind: 'missing' }],
  ['paused', ['active', 'paused'], 'disabled', { kind: 'done' }],
  ['deleted', ['active', 'paused', 'disabled'], 'deleted', { kind: 'missing' }],
])('while another makes it %s, from %j to %s: %j', async (other, from, to, expected) => {
  const { id, row } = await registerEndpoint(database, { url: 'https://example.com/' });
  const first = await database.pool.connect();
  await first.query('begin');
  await first.query('update posthorn.endpoints set status = $2 where id = $1', [id, other]);
  const second = setEndpointStatus(pool, { id, from, to });
  await eventually(async () => {
    const { rowCount } = await database.pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rowCount === 1;
  }, 'the second waits for the first');
  await first.query('commit');
  first.release();
  expect(await second).toEqual(expected);
  const status = Reflect.get(expected, 'kind') === 'done' ? to : other;
  expect(await row()).toMatchObject({ status });
});
