import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { runMigrations } from '../../src/db/run-migrations.ts';
import { createLog } from '../../src/log.ts';
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { forFile } from '../support/world.ts';

// Migrations beside a version that is at work: whom they wait for, and who never waits for them.

const database = forFile(createTestDatabase);
let client: pg.Client;
let folder: string;
let told: { fields: object; message: string }[];

const log = {
  debug() {},
  info() {},
  warn: (fields: object, message: string) => void told.push({ fields, message }),
  error() {},
};

beforeAll(async () => {
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  folder = await mkdtemp(join(tmpdir(), 'posthorn-migrations-'));
});

afterAll(async () => {
  await client.end();
  await rm(folder, { recursive: true });
});

beforeEach(() => {
  told = [];
});

async function run(name: string, text: string): Promise<void> {
  await writeFile(join(folder, `${name}.sql`), text);
  await runMigrations(client, { names: [name], folder: pathToFileURL(`${folder}${sep}`), log });
}

async function isApplied(name: string): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    'select from posthorn.migrations where name = $1',
    [name],
  );
  return rowCount === 1;
}

/** As a producer and a worker of the version before: each statement gives up when it has to wait for long. */
async function useTables(): Promise<void> {
  await using session = await open(`set statement_timeout = '5s'`);
  await session.query(insertOne);
  await session.query('select count(*) from posthorn.outcomes');
}

const insertOne = `insert into posthorn.outbox (url, body) values ('https://example.com/a', '{}')`;

/** A session with an open transaction, ended at the end. */
async function open(...statements: string[]): Promise<pg.Client & AsyncDisposable> {
  const session = new pg.Client({
    connectionString: database.url,
    application_name: 'a report',
  });
  await session.connect();
  for (const statement of statements) await session.query(statement);
  return Object.assign(session, { [Symbol.asyncDispose]: () => session.end() });
}

describe('a migration in a transaction', () => {
  it('waits for a lock only for moments, so that nobody waits behind it, and says for whom', async () => {
    await using report = await open('begin', 'select count(*) from posthorn.outcomes');
    const migrated = run('0901_a', 'alter table posthorn.outcomes add column a integer');
    await eventually(async () => told.length > 0, 'that it says for whom it waits');
    expect(told[0]?.message).toBe(
      'Waiting to apply the migration 0901_a: others have locked the tables',
    );
    expect(JSON.stringify(told[0]?.fields)).toMatch(
      /pid \d+ \(\w+, a report, idle in transaction\)/,
    );
    for (let nth = 0; nth < 5; nth += 1) await useTables();
    expect(await isApplied('0901_a')).toBe(false);
    await report.query('commit');
    await migrated;
    expect(await isApplied('0901_a')).toBe(true);
    // Not a line for each try.
    expect(told).toHaveLength(1);
  });

  it('is undone as a whole when a part of it fails', async () => {
    await expect(run('0902_b', 'create table posthorn.b (); select 1 / 0')).rejects.toThrow('zero');
    const { rows } = await database.pool.query(`select to_regclass('posthorn.b') as b`);
    expect([rows, await isApplied('0902_b')]).toEqual([[{ b: null }], false]);
  });
});

describe('a migration outside a transaction', () => {
  const build = (index: string) =>
    `-- Outside a transaction.\n\n-- Why.\ncreate index concurrently ${index}\n  on posthorn.outbox (created_at) where priority = 'high';\n`;

  interface Built {
    readonly table: string;
    readonly isValid: boolean;
  }

  async function built(index: string): Promise<Built[]> {
    const { rows } = await database.pool.query<Built>(
      `select x.indrelid::regclass::text as table, x.indisvalid as "isValid"
       from pg_index as x
       where x.indexrelid = to_regclass('posthorn.' || $1)
         or x.indexrelid in (select inhrelid from pg_inherits where inhparent = to_regclass('posthorn.' || $1))
       order by 1`,
      [index],
    );
    return rows;
  }

  async function partitions(): Promise<string[]> {
    const { rows } = await database.pool.query<{ name: string }>(
      `select relid::text as name from pg_partition_tree('posthorn.outbox') order by 1`,
    );
    return rows.map(({ name }) => name);
  }

  it('builds an index of a partitioned table while producers insert and days are made', async () => {
    await database.pool.query(
      `insert into posthorn.outbox (url, body)
       select 'https://example.com/a', '{}' from generate_series(1, 20000)`,
    );
    // What is older than an index that is built concurrently holds it up in the middle.
    await using report = await open(
      'begin isolation level repeatable read',
      'select count(*) from posthorn.queue',
    );
    const migrated = run('0903_c', build('c'));
    await eventually(async () => {
      const { rowCount } = await database.pool.query(
        `select from pg_stat_progress_create_index where phase like 'waiting for%'`,
      );
      return rowCount !== 0;
    }, 'an index that is being built');
    const { rows } = await database.pool.query<{ mode: string }>(
      `select distinct l.mode
       from pg_locks as l
       join pg_stat_progress_create_index as p on p.pid = l.pid and p.relid = l.relation
       where l.granted`,
    );
    expect(rows).toEqual([{ mode: 'ShareUpdateExclusiveLock' }]);
    await using producer = await open(`set statement_timeout = '5s'`);
    await producer.query(insertOne);
    await database.pool.query(
      `update posthorn.queue set lease_until = null where webhook_id = (select webhook_id from posthorn.queue limit 1)`,
    );
    await database.pool.query(
      `select posthorn.make_partitions((now() at time zone 'UTC')::date + 30)`,
    );
    expect(await isApplied('0903_c')).toBe(false);
    await report.query('commit');
    await migrated;
    expect(await isApplied('0903_c')).toBe(true);
    expect(await built('c')).toEqual(
      (await partitions()).map((table) => ({ table, isValid: true })),
    );
  });

  it('goes on where it was interrupted, and makes what was left half done anew', async () => {
    const [, partition = ''] = await partitions();
    await using report = await open(
      'begin isolation level repeatable read',
      'select count(*) from posthorn.queue',
    );
    const migrated = run('0904_d', build('d'));
    const interrupted = expect(migrated).rejects.toThrow('canceling statement');
    await eventually(async () => {
      const { rows } = await database.pool.query(
        `select pg_cancel_backend(pid) as is_cancelled
         from pg_stat_progress_create_index
         where phase like 'waiting for%'`,
      );
      return rows[0]?.is_cancelled;
    }, 'an index that is being built');
    await interrupted;
    await report.query('commit');
    expect((await built('d')).filter(({ isValid }) => isValid)).toEqual([]);
    await run('0904_d', build('d'));
    const tables = (await built('d')).filter(({ isValid }) => isValid).map(({ table }) => table);
    expect(tables).toEqual(await partitions());
    expect(tables).toContain(partition);
  });

  it('runs other statements one by one, with short locks as well', async () => {
    await run(
      '0905_e',
      `-- Outside a transaction.
       alter table posthorn.queue add constraint e check (attempts >= 0) not valid;
       alter table posthorn.queue validate constraint e;`,
    );
    const { rows } = await database.pool.query(
      `select convalidated from pg_constraint where conname = 'e'`,
    );
    expect(rows).toEqual([{ convalidated: true }]);
  });
});

it('those of Graphile Worker wait for a lock only for moments as well', async () => {
  await using own = await createTestDatabase();
  // As a version left it whose last migration was another.
  await own.pool.query(
    `drop function posthorn_graphile.add_job;
     delete from posthorn_graphile.migrations where id = (select max(id) from posthorn_graphile.migrations)`,
  );
  const report = await own.pool.connect();
  await report.query('begin; lock table posthorn_graphile.migrations in exclusive mode');
  const migrated = migrate({ databaseUrl: own.url, log });
  await eventually(async () => told.length > 0, 'that it says for whom it waits');
  expect(told[0]?.message).toMatch(/^Waiting to apply Graphile Worker's own migrations/);
  await report.query('commit');
  report.release();
  await expect(migrated).resolves.toMatchObject({ applied: [] });
});

it('several processes that start at once on an empty database migrate it once', async () => {
  await using empty = await createEmptyDatabase();
  const options = { databaseUrl: empty.url, log: createLog('silent') };
  const migrated = await Promise.all([migrate(options), migrate(options), migrate(options)]);
  expect(migrated.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
  expect(new Set(migrated.map(({ identity }) => identity)).size).toBe(1);
});
