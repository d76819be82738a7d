import { readFileSync } from 'node:fs';
import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { schemaText } from '../support/schema-text.ts';

// sql/schema.sql shows a reader the whole schema, and a reviewer what a change does to it.

let database: TestDatabase;
let client: PoolClient;
let isDescribed: boolean;

beforeAll(async () => {
  database = await createTestDatabase();
  client = await database.pool.connect();
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::integer / 10000 as version`,
  );
  // Others print some things otherwise, and have another uuid_v7().
  isDescribed = rows[0]?.version === 18;
});

afterAll(async () => {
  client.release(true);
  await database.drop();
});

it('sql/schema.sql is the schema that a new database gets', async ({ skip }) => {
  if (!isDescribed) skip('it is that of Postgres 18');
  const committed = readFileSync(new URL('../../sql/schema.sql', import.meta.url), 'utf8');
  const differing = linesOnlyIn(committed, await schemaText(client));
  expect(differing, 'run "npm run schema" and commit sql/schema.sql').toEqual([]);
});

it.each([
  ['a column', `alter table posthorn.workers add column shoe_size integer`, 'shoe_size integer'],
  ['a default', `alter table posthorn.workers alter column host set default 'h'`, `default 'h'`],
  ['a NOT NULL', 'alter table posthorn.workers alter column host drop not null', '  host text,'],
  ['a CHECK', 'alter table posthorn.workers add constraint c check (pid > 7)', '(pid > 7)'],
  ['an option', 'alter table posthorn.queue set (fillfactor = 41)', 'fillfactor=41'],
  [
    'an option of a partition',
    'alter table posthorn.attempts_default set (fillfactor = 41)',
    '=41',
  ],
  ['a target', 'alter table posthorn.queue alter column lane set statistics 7', 'statistics 7'],
  ['an index', 'create index by_host on posthorn.workers (host)', 'INDEX by_host'],
  ['a function', 'alter function posthorn.cancel(uuid) cost 7', 'COST 7'],
  [
    'a right',
    'grant execute on function posthorn.cancel(uuid) to public',
    'cancel(uuid) from public',
  ],
  [
    'a view',
    'create view posthorn.hosts as select host from posthorn.workers',
    'view posthorn.hosts',
  ],
  ['a trigger', 'alter table posthorn.outbox disable trigger outbox_to_queue', 'disable trigger'],
  ['a comment', `comment on table posthorn.queue is 'None.'`, `'None.'`],
  ['a comment of a column', `comment on column posthorn.queue.lane is 'None.'`, `'None.'`],
  [
    'a trigger of a view',
    'drop trigger insert_new_event on posthorn.new_events',
    'TRIGGER insert_new_event',
  ],
  ['a type', `alter type posthorn.endpoint_status add value 'odd'`, `'odd'`],
])('a change of %s is seen', async (_what, change, line) => {
  const before = await schemaText(client);
  await client.query('begin');
  await client.query(change);
  const after = await schemaText(client);
  await client.query('rollback');
  const differing = [...linesOnlyIn(before, after), ...linesOnlyIn(after, before)];
  expect(differing.join('\n')).toContain(line);
  expect(linesOnlyIn(before, await schemaText(client))).toEqual([]);
});

it('the partitions of days, of which each database has its own, are left out', async () => {
  const before = await schemaText(client);
  await client.query(`select posthorn.make_partitions(current_date + 20)`);
  expect(await schemaText(client)).toBe(before);
});

/** The lines of one text that the other has not, at their place: an order is a difference. */
function linesOnlyIn(one: string, other: string): string[] {
  const others = other.split('\n');
  let at = 0;
  return one.split('\n').filter((line) => {
    const found = others.indexOf(line, at);
    if (found >= 0) at = found + 1;
    return found < 0;
  });
}
