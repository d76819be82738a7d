import { expect, it } from 'vitest';
import { functionRights } from '../../src/db/rights.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

// \d+ in psql, and every tool that shows comments, explains what is there.

const database = forFile(createTestDatabase);

async function names(statement: string, values: unknown[] = []): Promise<string[]> {
  const { rows } = await database.pool.query<{ name: string }>(statement, values);
  return rows.map(({ name }) => name);
}

/** Partitions are left out. */
const relations = `relnamespace = 'posthorn'::regnamespace and relkind in ('r', 'p', 'v') and not relispartition`;

it('every table and view has a comment', async () => {
  expect(
    await names(
      `select relname::text as name from pg_class where ${relations} and obj_description(oid, 'pg_class') is null`,
    ),
  ).toEqual([]);
});

it('every column has a comment', async () => {
  const columns = `select c.relname || '.' || a.attname as name, col_description(c.oid, a.attnum) as text
    from pg_class as c
    join pg_attribute as a on a.attrelid = c.oid
    where ${relations} and a.attnum > 0 and not a.attisdropped`;
  expect((await names(columns)).length).toBeGreaterThan(300);
  expect(
    await names(`select name from (${columns}) as c where text !~ '[.]$' or text is null`),
  ).toEqual([]);
});

it('every function that somebody may call has a comment', async () => {
  const callable = Object.entries(functionRights)
    .filter(([, who]) => who === 'anyone' || who.length > 0)
    .map(([name]) => name);
  expect(callable.length).toBeGreaterThan(40);
  expect(
    await names(
      `select oid::regprocedure::text as name
       from pg_proc
       where pronamespace = 'posthorn'::regnamespace and proname = any ($1) and obj_description(oid, 'pg_proc') is null`,
      [callable],
    ),
  ).toEqual([]);
});
