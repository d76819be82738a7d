import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withSessionLock } from '../../src/db/session-lock.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { forFile } from '../support/world.ts';

// A lock of the session, held by a connection of a pool.

const lock = [7, 7] as const;

const database = forFile(createTestDatabase);
let pool: pg.Pool;

beforeAll(async () => {
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
});

afterAll(() => pool.end());

/** Whether another session can have it. */
async function isFree(): Promise<boolean> {
  const { rows } = await database.pool.query<{ free: boolean }>(
    'select pg_try_advisory_xact_lock($1, $2) as free',
    [...lock],
  );
  return rows[0]?.free === true;
}

async function pidOf(): Promise<number> {
  const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

it('is held while the work is done, and given back with the connection', async () => {
  const pid = await pidOf();
  const held = await withSessionLock(pool, lock, async () => !(await isFree()));
  expect(held).toBe(true);
  expect(await isFree()).toBe(true);
  expect(await pidOf()).toBe(pid);
});

it('that another session has leaves the work undone', async () => {
  await withSessionLock(database.pool, lock, async () => {
    expect(await withSessionLock(pool, lock, async () => 'done')).toBeUndefined();
  });
});

it.each<[string, (client: pg.PoolClient) => Promise<unknown>]>([
  ['the work fails', (client: pg.PoolClient) => client.query('select 1 / 0')],
  [
    'giving it back fails on a connection that lives',
    async (client: pg.PoolClient) => {
      await client.query('begin');
      await client.query('select 1 / 0').catch(() => {});
    },
  ],
  [
    'somebody has given it back before',
    (client: pg.PoolClient) => client.query('select pg_advisory_unlock_all()'),
  ],
])('is free when %s, and the connection is not used again', async (_, work) => {
  const pid = await pidOf();
  await withSessionLock(pool, lock, work).catch(() => {});
  await eventually(isFree, 'the lock is free');
  expect(await pidOf()).not.toBe(pid);
});
