import pg from 'pg';
import { expect, it } from 'vitest';
import { startReceiver } from '../../harness/receiver.ts';
import { graphileSchema } from '../../src/db/names.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { forEachTest, forFile } from '../support/world.ts';

const database = forFile(createTestDatabase);
const receiver = forEachTest(startReceiver);

it('a stop waits until results are recorded, and keeps its number until then', async () => {
  await using engine = await startEngine(database);
  const locker = new pg.Client({ connectionString: database.url });
  await locker.connect();
  let hasStopped = false;
  let stopped: Promise<void> | undefined;
  try {
    await locker.query('begin');
    await locker.query('lock table posthorn.outcomes in exclusive mode');
    await database.pool.query(`insert into posthorn.outbox (url, body) values ($1, '{}')`, [
      `${receiver.url}/last`,
    ]);
    await receiver.until((requests) => requests.length === 1);
    stopped = engine.stop().then(() => {
      hasStopped = true;
    });
    // The runner has ended, which is all that the worker waits for before its results.
    const locked = `${graphileSchema}._private_jobs where locked_by is not null`;
    await eventually(async () => (await count(locked)) === 0, 'the runner has ended');
    const looks: unknown[] = [];
    await eventually(async () => {
      looks.push([hasStopped, await count('posthorn.workers'), await count('posthorn.outcomes')]);
      return looks.length === 40;
    }, 'it was looked at');
    expect(looks).toEqual(Array(40).fill([false, 1, 0]));
  } finally {
    await locker.end();
  }
  await stopped;
  const after = [await count('posthorn.workers'), await count('posthorn.queue')];
  expect([...after, await count(`posthorn.outcomes where status = 'delivered'`)]).toEqual([
    0, 0, 1,
  ]);
  expect(receiver.requests).toHaveLength(1);
});

async function count(from: string): Promise<number | undefined> {
  const { rows } = await database.pool.query<{ count: number }>(
    `select count(*)::integer as count from ${from}`,
  );
  return rows[0]?.count;
}
