import pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createBeforeTables, ownDefinitions } from '../../src/db/definitions.ts';
import { migrate } from '../../src/db/migrate.ts';
import { runMigrations } from '../../src/db/run-migrations.ts';
import { isUpToDate, migrationsFolder, schemaState } from '../../src/db/schema-state.ts';
import { isLater } from '../../src/db/version-order.ts';
import { judgeMigrations } from '../../src/doctor/judge/schema.ts';
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { connect } from '../support/roles.ts';
import { forFile } from '../support/world.ts';

// Functions and views are created again when their text has changed, beside a version that is at work.

const database = forFile(createTestDatabase);
let told: string[];

const log = {
  debug() {},
  info() {},
  warn: (_fields: object, message: string) => void told.push(message),
  error() {},
};

beforeEach(() => {
  told = [];
});

const run = (statements: string) => database.pool.query(statements);
const migrated = () => migrate({ databaseUrl: database.url, log });

/** As another version left them, whose files had other texts. */
async function outdate(...names: string[]): Promise<void> {
  await database.pool.query(
    `update posthorn.definitions set hash = 'other' where name = any ($1)`,
    [names],
  );
}

async function state() {
  await using client = await connect(database.url);
  return await schemaState(client);
}

async function bodyOf(name: string): Promise<string | undefined> {
  const { rows } = await database.pool.query<{ body: string }>(
    `select prosrc as body from pg_proc where proname = $1 and pronamespace = 'posthorn'::regnamespace`,
    [name],
  );
  return rows[0]?.body;
}

async function columnsOf(view: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ name: string }>(
    `select attname::text as name from pg_attribute where attrelid = to_regclass('posthorn.' || $1) and attnum > 0 order by attnum`,
    [view],
  );
  return rows.map(({ name }) => name);
}

const otherCancel = `create or replace function posthorn.cancel(webhook_id uuid) returns boolean
  language sql security definer set search_path = pg_catalog, pg_temp as 'select false'`;

describe('a function whose text has changed', () => {
  it('is created again, and no other', async () => {
    const before = await bodyOf('cancel');
    await run(otherCancel);
    await outdate('cancel');
    expect(isUpToDate(await state())).toBe(false);
    expect(judgeMigrations(await state())).toMatchObject({
      status: 'fail',
      found: 'of another version: cancel',
      remedy: 'posthorn migrate',
    });
    expect(await migrated()).toMatchObject({ applied: [], defined: ['cancel'] });
    expect(await bodyOf('cancel')).toBe(before);
    expect(isUpToDate(await state())).toBe(true);
    expect(await migrated()).toMatchObject({ applied: [], defined: [] });
  });

  it('is created again with all its overloads and rights when a migration has dropped it', async () => {
    const overloads = `select oid::regprocedure as signature, has_function_privilege('public', oid, 'execute') as is_public
      from pg_proc where proname in ('retry', 'enqueue') and pronamespace = 'posthorn'::regnamespace order by 1`;
    const { rows: before } = await run(overloads);
    expect(before).toHaveLength(3);
    await run(
      `do $$ declare one regprocedure; begin
         for one in select signature from (${overloads}) as o loop execute format('drop function %s', one); end loop;
       end $$`,
    );
    expect(await migrated()).toMatchObject({ defined: ['enqueue', 'retry'] });
    expect((await run(overloads)).rows).toEqual(before);
    expect(before.map(({ is_public }) => is_public)).toEqual([false, false, false]);
  });

  it('stays as a newer version has left it', async () => {
    const { name } = ownDefinitions()[0] ?? { name: '' };
    await run(otherCancel);
    await outdate('cancel');
    await run(`update posthorn.definitions set version = '900.0.0' where name = '${name}'`);
    expect(await state()).toMatchObject({ outdated: [], newer: '900.0.0' });
    expect(judgeMigrations(await state())).toMatchObject({
      status: 'warn',
      found: 'functions and views of version 900.0.0',
    });
    expect(await migrated()).toMatchObject({ defined: [] });
    expect(await bodyOf('cancel')).toBe('select false');
    await run(`update posthorn.definitions set version = '0.0.1'`);
    expect(await migrated()).toMatchObject({ defined: ['cancel'] });
  });

  it('stays when a migration is applied that this version does not know', async () => {
    await run(`insert into posthorn.migrations (name, run_on) values ('9999_later', now())`);
    await run(otherCancel);
    await outdate('cancel');
    expect(await migrated()).toMatchObject({ defined: [] });
    expect(await bodyOf('cancel')).toBe('select false');
    await run(`delete from posthorn.migrations where name = '9999_later'`);
    expect(await migrated()).toMatchObject({ defined: ['cancel'] });
  });
});

describe('a trigger', () => {
  it('is created again as it was: always, where it was so', async () => {
    await run(
      `drop trigger endpoint_rules on posthorn.endpoints; drop trigger outbox_to_queue on posthorn.outbox`,
    );
    await outdate('endpoint_keeps_rules', 'outbox_to_queue');
    expect(await migrated()).toMatchObject({
      defined: ['endpoint_keeps_rules', 'outbox_to_queue'],
    });
    const { rows } = await run(
      `select tgname as name, tgenabled as enabled from pg_trigger
       where tgname in ('endpoint_rules', 'outbox_to_queue') and tgparentid = 0 order by 1`,
    );
    expect(rows).toEqual([
      { name: 'endpoint_rules', enabled: 'A' },
      { name: 'outbox_to_queue', enabled: 'O' },
    ]);
  });

  it('waits only for moments for a producer, and other producers do not wait behind it', async () => {
    await outdate('outbox_to_queue');
    await using producer = await connect(database.url);
    const insert = `insert into posthorn.outbox (url, body) values ('https://example.com/a', '{}')`;
    await producer.query(`begin; ${insert}`);
    const waiting = migrated();
    await eventually(async () => told.length > 0, 'that it says for whom it waits');
    expect(told[0]).toBe('Waiting to apply functions and views: others have locked the tables');
    await using other = await connect(database.url);
    await other.query(`set statement_timeout = '5s'`);
    for (let nth = 0; nth < 5; nth += 1) await other.query(insert);
    expect((await state()).outdated).toEqual(['outbox_to_queue']);
    await producer.query('commit');
    expect(await waiting).toMatchObject({ defined: ['outbox_to_queue'] });
  });
});

describe('a view', () => {
  it('whose columns have changed is dropped and created with its readers and its rights', async () => {
    const before = [await columnsOf('webhooks'), await columnsOf('redacted_webhooks')];
    await run(
      `drop view posthorn.webhooks cascade;
       create view posthorn.webhooks as select id as old_name from posthorn.outbox;
       create view posthorn.redacted_webhooks as select old_name from posthorn.webhooks;
       grant select on posthorn.webhooks to pg_monitor;
       grant select on posthorn.redacted_webhooks to public`,
    );
    await outdate('webhooks');
    expect(await migrated()).toMatchObject({ defined: ['webhooks'] });
    expect([await columnsOf('webhooks'), await columnsOf('redacted_webhooks')]).toEqual(before);
    const { rows } = await run(
      `select
         has_table_privilege('pg_monitor', 'posthorn.webhooks', 'select') as kept,
         has_table_privilege('public', 'posthorn.redacted_webhooks', 'select') as "keptToo",
         has_table_privilege('public', 'posthorn.webhooks', 'select') as added`,
    );
    expect(rows).toEqual([{ kept: true, keptToo: true, added: false }]);
  });

  it('has its trigger again after it was dropped', async () => {
    const insert = `insert into posthorn.new_webhooks (url, body) values ('https://example.com/a', '{}') returning priority`;
    await run('drop view posthorn.new_webhooks');
    expect(await migrated()).toMatchObject({ defined: ['new_webhooks'] });
    expect((await run(insert)).rows).toEqual([{ priority: 'normal' }]);
    await run(
      'drop view posthorn.new_webhooks; create view posthorn.new_webhooks as select 1 as old_name',
    );
    await outdate('new_webhooks');
    expect(await migrated()).toMatchObject({ defined: ['new_webhooks'] });
    expect((await run(insert)).rows).toEqual([{ priority: 'normal' }]);
  });

  it('that somebody else’s view uses is replaced when its columns are the same', async () => {
    await run(
      `create or replace view posthorn.secret_keys as select null::text as key_id, 0::integer as endpoints;
       create view public.mine as select * from posthorn.secret_keys`,
    );
    await outdate('secret_keys');
    expect(await migrated()).toMatchObject({ defined: ['secret_keys'] });
    expect((await run('select * from public.mine')).rows).toEqual([]);
    await run('drop view public.mine');
  });

  it('that somebody else’s view uses and whose columns have changed is left, and the error names that view', async () => {
    await run(
      `drop view posthorn.secret_keys;
       create view posthorn.secret_keys as select 1 as old_name;
       create view public.mine as select * from posthorn.secret_keys`,
    );
    await outdate('secret_keys', 'cancel');
    await expect(migrated()).rejects.toThrow(
      'Other objects use views whose columns have changed: drop those objects, run "posthorn migrate", and create them again (view public.mine depends on view posthorn.secret_keys)',
    );
    expect((await state()).outdated).toEqual(['cancel', 'secret_keys']);
    await run('drop view public.mine');
    expect(await migrated()).toMatchObject({ defined: ['cancel', 'secret_keys'] });
  });
});

describe('a new database', () => {
  it('has the first days and the rows of tables with one row, even if the first try ended after the tables', async () => {
    await using empty = await createEmptyDatabase();
    const client = new pg.Client({ connectionString: empty.url });
    await client.connect();
    await client.query('create schema posthorn');
    const { pending, outdated } = await schemaState(client);
    await createBeforeTables(client, { names: outdated, log });
    await runMigrations(client, { names: pending, folder: migrationsFolder, log });
    await client.end();
    const { applied, defined } = await migrate({ databaseUrl: empty.url, log });
    expect(applied).toEqual([]);
    expect(defined).toEqual(ownDefinitions().map(({ name }) => name));
    const { rows: days } = await empty.pool.query<{ ahead: number }>(
      `select day - (select (max(run_on) at time zone 'UTC')::date from posthorn.migrations) as ahead
       from posthorn.partition_days() as day`,
    );
    // More when midnight has passed meanwhile.
    expect(days.map(({ ahead }) => ahead)).toEqual(
      days[0]?.ahead === 0 ? [0, 1, 2, 3, 4] : [-1, 0, 1, 2, 3],
    );
    for (const table of ['history', 'clock', 'alert_watch', 'stats']) {
      const { rowCount } = await empty.pool.query(`select from posthorn.${table}`);
      expect([table, rowCount]).toEqual([table, 1]);
    }
  });
});

it.each([
  ['0.2.0', '0.1.9'],
  ['0.10.0', '0.9.0'],
  ['1.0.0', '1.0.0-beta.2'],
  ['1.0.0-beta.10', '1.0.0-beta.9'],
  ['1.0.0-beta.1', '0.9.9'],
  ['1.0.1-alpha', '1.0.0'],
])('%s is later than %s', (later, earlier) => {
  expect(isLater(later, earlier)).toBe(true);
  expect(isLater(earlier, later)).toBe(false);
  expect(isLater(later, later)).toBe(false);
  expect(isLater(`${later}+build`, later)).toBe(false);
});
