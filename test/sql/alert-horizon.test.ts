import { afterEach, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { runFile } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// Who holds up the removal of dead rows: transactions of this database that nobody has ended.

const database = forFile(createTestDatabase);
const other = forFile(createTestDatabase);
const name = `held-${process.pid}`;
let isPossible: boolean;

beforeAll(async () => {
  const { rows } = await database.pool.query<{ most: string }>(
    `select current_setting('max_prepared_transactions') as most`,
  );
  isPossible = rows[0]?.most !== '0';
});

afterEach(async () => {
  for (const { pool } of [database, other]) {
    const { rows } = await pool.query<{ gid: string }>(
      'select gid from pg_prepared_xacts where database = current_database()',
    );
    for (const { gid } of rows) await pool.query(`rollback prepared '${gid}'`);
  }
});

async function prepareIn({ pool }: TestDatabase): Promise<void> {
  const client = await pool.connect();
  await client.query('begin');
  await client.query('select pg_current_xact_id()');
  await client.query(`prepare transaction '${name}'`);
  client.release();
}

async function look(): Promise<{ pinned_ms: number | null; holder: string | null } | undefined> {
  const [found] = await runFile<{ pinned_ms: number | null; holder: string | null }>(
    database,
    'alert-horizon',
    {},
  );
  return found;
}

it('is a prepared transaction of this database, for as long as it is there', async ({ skip }) => {
  skip(!isPossible, 'max_prepared_transactions is 0');
  await prepareIn(database);
  const holder = `the prepared transaction ${name}`;
  // Autovacuum may look at the database, with an older snapshot, for a moment.
  const oldest = () =>
    eventually(async () => {
      const found = await look();
      return found?.holder === holder && found;
    }, 'it is the oldest');
  const first = await oldest();
  const sinceMs = performance.now();
  for (let n = 0; n < 5; n += 1) await look();
  const passedMs = performance.now() - sinceMs;
  const last = await oldest();
  expect(last.pinned_ms).toBeGreaterThan((first.pinned_ms ?? 0) + passedMs / 2);
  await database.pool.query(`rollback prepared '${name}'`);
  expect((await look())?.holder).not.toBe(holder);
});

it('is none of another database', async ({ skip }) => {
  skip(!isPossible, 'max_prepared_transactions is 0');
  await prepareIn(other);
  expect((await look())?.holder ?? '').not.toContain(name);
});
