import pg from 'pg';
import { expect, it } from 'vitest';
import { LockWatch } from '../../bench/studies/operate/lock-waits.ts';
import { createTestDatabase } from '../support/database.ts';

// That nobody waited for a lock is only a finding if the watch would have seen it.

it.each([
  ['pruner', 'prunerMs', 'othersMs'],
  ['worker', 'othersMs', 'prunerMs'],
] as const)('sees how long a %s waits for a lock', async (name, seen, unseen) => {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const holder = await database.pool.connect();
  stack.defer(() => holder.release(true));
  await holder.query('begin; lock table posthorn.outbox in access share mode');
  const waiting = new pg.Client({ connectionString: database.url, application_name: name });
  await waiting.connect();
  stack.defer(() => waiting.end());
  const watch = new LockWatch(database.url, 'pruner');
  await waiting.query(`set lock_timeout = '1s'`);
  await expect(
    waiting.query('begin; lock table posthorn.outbox in access exclusive mode'),
  ).rejects.toMatchObject({ code: '55P03' });
  const waits = await watch.end();
  expect(waits[seen]).toBeGreaterThan(100);
  expect(waits[unseen]).toBe(0);
  expect(waits.looks).toBeGreaterThan(5);
});
