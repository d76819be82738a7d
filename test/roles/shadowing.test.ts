import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createTestRoles, type TestRoles } from '../support/roles.ts';

// Somebody with a schema of his own, as every application has, puts tables, types, functions and operators into it that
// are named like the ones that Posthorn uses, and looks there first. Nothing of it may run, with whoever's rights.

let database: TestDatabase;
let roles: TestRoles;

beforeAll(async () => {
  database = await createTestDatabase();
  roles = await createTestRoles(database);
  await setTraps();
});

beforeEach(() => database.empty());

afterAll(() => roles[Symbol.asyncDispose]());

const twice = `'{"X-Note": "1", "x-note": "2"}'`;

describe('a producer who shadows everything', () => {
  it('inserts into the real queue, and none of his functions runs', async () => {
    await using client = await shadowing('producer');
    const { rows } = await client.query<{ id: string }>(
      `insert into posthorn.outbox (url, body, send_at, idempotency_key)
       values ('https://example.com/?a', 'text', '2020-01-01', 'a key')
       returning id`,
    );
    expect(await queued()).toEqual(rows.map(({ id }) => id));
    expect(await count(client, 'pg_temp.queue')).toBe(0);
  });

  it('enqueues into the real queue, and gets the same id for the same key', async () => {
    await using client = await shadowing('producer');
    const enqueue = async () => {
      const { rows } = await client.query<{ id: string }>(
        `select posthorn.enqueue(url => 'https://example.com', body => 'text', headers => '{"X-Note": "1"}',
           secret => 'a secret', idempotency_key => 'a key') as id`,
      );
      return rows[0]?.id;
    };
    const id = await enqueue();
    expect(await enqueue()).toBe(id);
    expect(await queued()).toEqual([id]);
    expect(await count(client, 'pg_temp.outbox')).toBe(0);
  });

  it('is held to the CHECKs', async () => {
    await using client = await shadowing('producer');
    await expect(insertTwice(client)).rejects.toMatchObject({
      constraint: 'outbox_headers_names_are_unique',
    });
    await expect(
      client.query(`select posthorn.enqueue(url => 'ftp://example.com', body => 'text')`),
    ).rejects.toMatchObject({ constraint: 'outbox_url_is_http' });
  });

  it('could pass one whose function looked where its caller does, so this is no idle worry', async () => {
    const theirs = 'alter function posthorn.outbox_keeps_rules';
    await database.pool.query(`${theirs} reset search_path`);
    try {
      await using client = await shadowing('producer');
      // By a function, or already by the type of a variable.
      await expect(insertTwice(client)).rejects.toThrow(/hijacked|value for domain text/);
    } finally {
      await database.pool.query(`${theirs} set search_path = pg_catalog, pg_temp`);
    }
  });
});

it('a worker who shadows everything calls what it may call, and none of its own functions runs', async () => {
  const { rows } = await database.pool.query<{ id: string }>(
    `select posthorn.enqueue(url => 'https://example.com', body => 'text') as id`,
  );
  await using client = await shadowing('worker');
  await client.query(`select posthorn.make_partitions(current_date OPERATOR(pg_catalog.+) 60)`);
  const days = 'select count(*)::integer as n from posthorn.partition_days()';
  const before = (await database.pool.query<{ n: number }>(days)).rows[0]?.n ?? 0;
  await client.query(`select posthorn.drop_partitions(current_date OPERATOR(pg_catalog.+) 60)`);
  await client.query('select posthorn.days_without_partition()');
  expect((await database.pool.query<{ n: number }>(days)).rows[0]?.n).toBe(before - 1);
  await client.query(
    `insert into posthorn.endpoints (url, ordered) values ('https://b.example', true)`,
  );
  await client.query(`update posthorn.endpoints set status = 'paused'`);
  expect((await database.pool.query('select is_held from posthorn.lane_rules')).rows).toEqual([
    { is_held: true },
  ]);
  await client.query('select posthorn.cancel($1)', [rows[0]?.id]);
  expect(await queued()).toEqual([]);
});

describe('every function of the schema', () => {
  it('that acts with its owner’s rights looks nowhere but into pg_catalog, and last into pg_temp', async () => {
    const { rows } = await database.pool.query<{ name: string; config: string[] | null }>(
      `select proname as name, proconfig as config
       from pg_proc
       where pronamespace = 'posthorn'::regnamespace and prosecdef
       order by 1`,
    );
    expect(rows.length).toBeGreaterThan(5);
    for (const { name, config } of rows) {
      expect(config, name).toContain('search_path=pg_catalog, pg_temp');
    }
  });

  it('that acts with its caller’s rights does not depend on where the caller looks', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select oid::regprocedure::text as name
       from pg_proc
       where pronamespace = 'posthorn'::regnamespace
         and prosqlbody is null
         and not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false)`,
    );
    expect(rows).toEqual([]);
  });
});

/** A session that finds these first wherever nobody says in which schema to look. */
async function shadowing(kind: 'producer' | 'worker'): Promise<pg.Client & AsyncDisposable> {
  const client = await roles.connect(kind);
  const tables = ['outbox', 'queue', 'idempotency_keys', 'endpoints', 'lane_rules', 'outcomes'];
  const types = ['uuid', 'text', 'jsonb', 'interval', 'timestamptz', 'date', 'record'];
  await client.query(
    [
      ...tables.map((name) => `create table pg_temp.${name} (id integer, key text)`),
      ...types.map((name) => `create domain pg_temp.${name} as pg_catalog.text check (false)`),
      `set search_path = pg_temp, ${roles.playground}, pg_catalog`,
    ].join('; '),
  );
  await expect(client.query('select now()'), 'the trap is set').rejects.toThrow('hijacked');
  await expect(client.query('select 1::bigint = 1::bigint')).rejects.toThrow('hijacked');
  return client;
}

/** Functions and operators like those of Postgres that Posthorn's functions use, which say that they were called. */
async function setTraps(): Promise<void> {
  const play = roles.playground;
  await database.pool.query(
    `do $do$
     declare
       one record;
       number integer := 0;
     begin
       for one in
         select proname, pg_get_function_identity_arguments(oid) as arguments, prorettype::regtype as result, proretset
         from pg_proc
         where pronamespace = 'pg_catalog'::regnamespace
           and prokind in ('f', 'a')
           and proname = any (array[
             'now', 'clock_timestamp', 'pg_notify', 'pg_try_advisory_xact_lock', 'pg_advisory_xact_lock', 'uuid_send',
             'get_byte', 'octet_length', 'lower', 'hashtextextended', 'split_part', 'jsonb_object_keys', 'jsonb_typeof',
             'jsonb_path_exists', 'bool_or', 'to_regclass', 'format', 'to_char', 'to_date', 'lpad', 'to_hex', 'floor',
             'encode', 'overlay', 'substring', 'int8send', 'int2send', 'gen_random_uuid', 'uuidv7', 'isfinite',
             'to_timestamp', 'left', 'replace', 'timezone', 'extract', 'date_part'])
           and pg_get_function_identity_arguments(oid) !~ 'any|internal'
       loop
         execute format('create function ${play}.%I(%s) returns %s %s language plpgsql as %L',
           one.proname, one.arguments, case when one.proretset then 'setof' else '' end, one.result,
           'begin raise exception ''hijacked % as %'', ' || quote_literal(one.proname) || ', current_user; end');
       end loop;
       for one in
         select oprname, oprleft::regtype as l, oprright::regtype as r, oprresult::regtype as result
         from pg_operator
         where oprnamespace = 'pg_catalog'::regnamespace
           and oprname = any (array['=', '<>', '<', '>', '<=', '>=', '||', '+', '-', '*', '/', '%', '>>', '~', '!~', '~*'])
           and oprleft in ('uuid'::regtype, 'text'::regtype, 'bigint'::regtype, 'integer'::regtype, 'smallint'::regtype,
             'boolean'::regtype, 'timestamptz'::regtype, 'date'::regtype, 'numeric'::regtype, 'interval'::regtype,
             'double precision'::regtype)
           and oprright <> 0
           -- Of any element type: not with a variadic or a polymorphic partner.
           and oprright::regtype::text !~ '^any'
       loop
         number := number + 1;
         execute format('create function ${play}.operator_%s(%s, %s) returns %s language plpgsql as %L',
           number, one.l, one.r, one.result,
           'begin raise exception ''hijacked % as %'', ' || quote_literal(one.oprname) || ', current_user; end');
         execute format('create operator ${play}.%s (leftarg = %s, rightarg = %s, function = ${play}.operator_%s)',
           one.oprname, one.l, one.r, number);
       end loop;
     end
     $do$`,
  );
}

function insertTwice(client: pg.Client): Promise<unknown> {
  return client.query(
    `insert into posthorn.outbox (url, body, headers) values ('https://example.com', 'text', ${twice})`,
  );
}

async function queued(): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>(
    'select webhook_id as id from posthorn.queue',
  );
  return rows.map(({ id }) => id);
}

async function count(client: pg.Client, table: string): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select pg_catalog.count(*)::integer as n from ${table}`,
  );
  return rows[0]?.n ?? -1;
}
