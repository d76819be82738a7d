import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphileMigration } from '../../src/db/names.ts';
import { functionRights, overloads, producerColumns, relationRights } from '../../src/db/rights.ts';
import { makeRoles } from '../../src/db/roles.ts';
import { sqlFile } from '../../src/db/sql-file.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createTestRoles, roleKinds, type TestRoles } from '../support/roles.ts';

// The rights of src/db/rights.ts: that they are decided on for everything there is, suffice for what the engine does, and
// are what is granted, neither more nor less.

let database: TestDatabase;
let roles: TestRoles;

beforeAll(async () => {
  database = await createTestDatabase();
  roles = await createTestRoles(database);
});

afterAll(() => roles[Symbol.asyncDispose]());

describe('src/db/rights.ts decides', () => {
  it('on every table and view of the schema, and on nothing else', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select relname as name
       from pg_class
       where relnamespace = 'posthorn'::regnamespace
         and relkind in ('r', 'p', 'v', 'm')
         and not relispartition`,
    );
    const names = rows.map(({ name }) => name);
    expect(Object.keys(relationRights).toSorted()).toEqual(names.toSorted());
  });

  it('on every function of the schema, and on nothing else', async () => {
    const { rows } = await database.pool.query<{ name: string; isForAnyone: boolean }>(
      `select distinct
         p.proname as name,
         exists (
           select
           from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
           where a.grantee = 0) as "isForAnyone"
       from pg_proc as p
       where pronamespace = 'posthorn'::regnamespace`,
    );
    const decided = Object.entries(functionRights).map(([name, who]) => [name, who === 'anyone']);
    expect(decided.toSorted()).toEqual(
      rows.map(({ name, isForAnyone }) => [name, isForAnyone]).toSorted(),
    );
  });

  it('on all overloads of a function that is granted', async () => {
    const granted = Object.keys(functionRights).filter(
      (name) => functionRights[name] !== 'anyone' && functionRights[name]?.length !== 0,
    );
    const { rows } = await database.pool.query<{ name: string; count: number }>(
      `select proname::text as name, count(*)::integer as count
       from pg_proc
       where pronamespace = 'posthorn'::regnamespace and proname = any ($1)
       group by proname
       having count(*) > 1
       order by 1`,
      [granted],
    );
    expect(rows).toEqual(
      Object.entries(overloads).map(([name, { length }]) => ({ name, count: length })),
    );
    const { rows: denied } = await database.pool.query(
      `select oid::regprocedure as signature
       from pg_proc
       where pronamespace = 'posthorn'::regnamespace
         and proname = any ($1)
         and not has_function_privilege($2, oid, 'execute')`,
      [Object.keys(overloads), roles.names.producer],
    );
    expect(denied).toEqual([]);
  });

  it('that a producer may insert all columns of the outbox but id, created_at and signed_as', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select attname as name
       from pg_attribute
       where attrelid = 'posthorn.outbox'::regclass and attnum > 0 and not attisdropped`,
    );
    const names = rows.map(({ name }) => name);
    expect([...producerColumns, 'id', 'created_at', 'signed_as'].toSorted()).toEqual(
      names.toSorted(),
    );
  });
});

it('the last migration of Graphile Worker is the one that its pinned version brings', async () => {
  const { rows } = await database.pool.query<{ last: number }>(
    'select max(id) as last from posthorn_graphile.migrations',
  );
  expect(rows[0]?.last).toBe(graphileMigration);
});

describe('a worker may run', () => {
  const folder = new URL('../../sql/', import.meta.url);
  const names = readdirSync(folder).filter(
    (name) => name.endsWith('.sql') && name !== 'schema.sql',
  );

  it.each(names)('%s', async (name) => {
    await using client = await roles.connect('worker');
    const { text, parameters } = sqlFile(name.slice(0, -'.sql'.length));
    const nulls = parameters.map(() => 'null');
    await client.query(`prepare statement as ${text.trim().replace(/;$/, '')}`);
    // Rights are looked at when a plan is about to run, and so by EXPLAIN.
    const { rows } = await client.query(
      `explain execute statement ${nulls.length > 0 ? `(${nulls.join(', ')})` : ''}`,
    );
    expect(rows.length).toBeGreaterThan(0);
  });
});

describe('posthorn roles, run again', () => {
  it('takes back what was granted beside it, and grants again what was revoked', async () => {
    const { producer, worker } = roles.names;
    const before = await grants();
    await database.pool.query(
      `grant select on posthorn.outbox to ${producer};
       grant execute on function posthorn.cancel to ${producer};
       grant create on schema posthorn to ${worker};
       revoke delete on posthorn.queue from ${worker};
       revoke execute on function posthorn.make_partitions from ${worker}`,
    );
    expect(await grants()).not.toEqual(before);
    await makeRoles({ databaseUrl: database.url, log: createLog('silent'), prefix: roles.prefix });
    expect(await grants()).toEqual(before);
  });

  it('leaves the rights of others alone', async () => {
    const login = `${roles.names.producer}_login`;
    await database.pool.query(`grant execute on function posthorn.cancel to ${login}`);
    await makeRoles({ databaseUrl: database.url, log: createLog('silent'), prefix: roles.prefix });
    expect((await grants()).filter((grant) => grant.includes(login))).toEqual([
      expect.stringContaining('cancel'),
    ]);
  });
});

it('no role may grant on what it was granted', async () => {
  expect((await grants()).filter((grant) => grant.includes('*'))).toEqual([]);
  for (const kind of roleKinds) {
    expect((await grants()).join('\n')).toContain(roles.names[kind]);
  }
});

/** Every grant on anything in the schemas, as Postgres writes it down. */
async function grants(): Promise<string[]> {
  const { rows } = await database.pool.query<{ grant: string }>(
    `select format('%s %s', c.oid::regclass, acl) as grant
     from pg_class as c, unnest(c.relacl) as acl
     where c.relnamespace in ('posthorn'::regnamespace, 'posthorn_graphile'::regnamespace)
     union all
     select format('%s.%s %s', a.attrelid::regclass, a.attname, acl)
     from pg_attribute as a
     join pg_class as c on c.oid = a.attrelid, unnest(a.attacl) as acl
     where c.relnamespace in ('posthorn'::regnamespace, 'posthorn_graphile'::regnamespace)
     union all
     select format('%s %s', p.oid::regprocedure, acl)
     from pg_proc as p, unnest(p.proacl) as acl
     where p.pronamespace in ('posthorn'::regnamespace, 'posthorn_graphile'::regnamespace)
     union all
     select format('%s %s', nspname, acl)
     from pg_namespace, unnest(nspacl) as acl
     where nspname in ('posthorn', 'posthorn_graphile')
     order by 1`,
  );
  return rows.map(({ grant }) => grant);
}
