import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canRunPsql } from '../../harness/can-run.ts';
import { rolesCommand } from '../../src/commands/roles.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { migrate } from '../../src/db/migrate.ts';
import { roleNames } from '../../src/db/rights.ts';
import { type MadeRoles, makeRoles } from '../../src/db/roles.ts';
import { createLog } from '../../src/log.ts';
import { runHere } from '../support/command-here.ts';
import { createTestDatabase } from '../support/database.ts';
import { connect, dropRoles, randomPrefix, urlAs, urlOfServer } from '../support/roles.ts';
import { forEachTest } from '../support/world.ts';

// `posthorn roles` as those meet it who may and who may not.

const log = createLog('silent');
let prefix: string;
let serverUrl: string;

// Stands before the database, so that it runs after that is dropped: the roles own what is in it.
afterEach(async () => {
  await using server = await connect(serverUrl);
  await dropRoles(server, prefix);
});

const database = forEachTest(createTestDatabase);

beforeEach(async () => {
  prefix = randomPrefix();
  serverUrl = urlOfServer(database.url);
});

describe('the roles', () => {
  it('made by a superuser, are there, cannot log in, and own the schemas', async () => {
    const { formerOwner } = await make(database.url);
    expect(formerOwner?.isSuperuser).toBe(true);
    const names = Object.values(roleNames(prefix));
    const { rows } = await database.pool.query(
      `select rolname, rolcanlogin from pg_roles where starts_with(rolname, $1) order by 1`,
      [prefix],
    );
    expect(rows).toEqual(names.toSorted().map((rolname) => ({ rolname, rolcanlogin: false })));
    expect(await owners()).toEqual([`${prefix}_owner`]);
  });

  it('have no former owner the second time', async () => {
    await make(database.url);
    expect(await make(database.url)).toEqual({ owner: `${prefix}_owner`, formerOwner: undefined });
  });

  it('can be made by the owner of the schema, who is no superuser but may create roles', async () => {
    const admin = await ownSchema('createrole');
    const { formerOwner } = await make(admin);
    expect(formerOwner).toEqual({ name: `${prefix}_app`, isSuperuser: false });
    expect(await owners()).toEqual([`${prefix}_owner`]);
    // And what ran as him goes on.
    await using client = await connect(admin);
    await client.query(`select posthorn.enqueue(url => 'https://example.com', body => '')`);
    expect((await client.query('select body from posthorn.outbox')).rowCount).toBe(1);
    await make(admin);
  });

  it('let what runs as the former owner go on when a superuser makes them', async () => {
    const app = await ownSchema('nocreaterole');
    await make(database.url);
    await using client = await connect(app);
    await client.query(`select posthorn.enqueue(url => 'https://example.com', body => '')`);
    expect((await client.query('select body from posthorn.outbox')).rowCount).toBe(1);
    await client.query('alter table posthorn.queue set (fillfactor = 50)');
  });

  it('cannot be made by a role that may not create roles: nothing is changed, and it says who could', async () => {
    const app = await ownSchema('nocreaterole');
    await expect(make(app)).rejects.toThrow(
      new RegExp(
        `^The role ${prefix}_app may not make the roles \\(.+\\): .+\\. "posthorn roles --sql" prints`,
      ),
    );
    expect(await owners()).toEqual([`${prefix}_app`]);
  });

  it('want the schema to be there', async () => {
    await database.pool.query('drop schema posthorn cascade');
    await expect(make(database.url)).rejects.toThrow(
      'The schema must be up to date before the roles are made: run "posthorn migrate" first',
    );
  });

  it('must not be above others', async () => {
    await database.pool.query(`create role ${prefix}_reader superuser`);
    await expect(make(database.url)).rejects.toThrow(
      `The role ${prefix}_reader has too much power`,
    );
  });

  it('are not made while somebody uses the tables, rather than make everybody wait', async () => {
    await using client = await connect(database.url);
    await client.query('begin; select from posthorn.queue');
    const before = await owners();
    await expect(make(database.url)).rejects.toThrow(
      /^Other sessions use the tables, .* try again/,
    );
    expect(await owners()).toEqual(before);
  });

  it('are made once when several databases of a server ask for them at the same time', async () => {
    const second = await createTestDatabase();
    try {
      await Promise.all([make(database.url), make(second.url)]);
      expect(await owners()).toEqual([`${prefix}_owner`]);
      expect(await owners(second)).toEqual([`${prefix}_owner`]);
    } finally {
      await second.drop();
    }
  });
});

describe('posthorn roles', () => {
  it('says what to do next', async () => {
    const app = await ownSchema('createrole');
    const { exitCode, stdout, stderr } = await runHere(['roles', '--prefix', prefix], {
      DATABASE_URL: app,
    });
    expect([exitCode, stderr]).toEqual([0, '']);
    for (const name of Object.values(roleNames(prefix))) {
      expect(stdout).toContain(`in role ${name};`);
    }
    expect(stdout).toContain(
      `The schemas belonged to ${prefix}_app and now belong to ${prefix}_owner`,
    );
    expect(stdout).toContain(`revoke ${prefix}_owner from ${prefix}_app;`);
  });

  it.each([
    ['2late', 'begin with a digit'],
    ['pg_mine', 'or pg_'],
    ['Mine', 'lower-case'],
    ['a; drop role b', 'lower-case'],
    ['x'.repeat(54), 'at most 53 long'],
  ])('refuses the prefix "%s"', async (illegal, why) => {
    const refused = rolesCommand({ prefix: illegal, isDryRun: true, isJson: false });
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(/^--prefix must be a name of/);
    await expect(refused).rejects.toThrow(why);
  });
});

describe.skipIf(!canRunPsql('what posthorn roles --sql prints'))('posthorn roles --sql', () => {
  it('prints what does the same in psql, and needs no database for that', async () => {
    const script = await runHere(['roles', '--sql', '--prefix', prefix]);
    expect(script.exitCode).toBe(0);
    const psql = spawnSync('psql', [database.url, '-X', '-q', '-v', 'ON_ERROR_STOP=1'], {
      input: script.stdout,
      encoding: 'utf8',
    });
    expect([psql.status, psql.stderr]).toEqual([0, '']);
    const byHand = await grants();
    expect(byHand.length).toBeGreaterThan(40);
    await make(database.url);
    expect(await grants()).toEqual(byHand);
  });
});

function make(databaseUrl: string): Promise<MadeRoles> {
  return makeRoles({ databaseUrl, log, prefix });
}

/** As it is when an application migrates with its own role: it owns both schemas, and may connect. Returns its URL. */
async function ownSchema(attributes: string): Promise<string> {
  const app = `${prefix}_app`;
  await database.pool.query(`create role ${app} login password 'secret' ${attributes}`);
  await database.pool.query(
    `grant create on database ${new URL(database.url).pathname.slice(1)} to ${app}`,
  );
  await database.pool.query('drop schema posthorn cascade; drop schema posthorn_graphile cascade');
  const url = urlAs(database.url, app);
  await migrate({ databaseUrl: url, log });
  return url;
}

/** Whom the schemas and all that is in them belong to. */
async function owners({ pool } = database): Promise<string[]> {
  const { rows } = await pool.query<{ owner: string }>(
    `select distinct pg_get_userbyid(owner) as owner
     from (
       select nspowner as owner from pg_namespace where nspname in ('posthorn', 'posthorn_graphile')
       union
       select relowner from pg_class where relnamespace::regnamespace::text like 'posthorn%'
       union
       select proowner from pg_proc where pronamespace::regnamespace::text like 'posthorn%'
       union
       select typowner from pg_type where typnamespace::regnamespace::text like 'posthorn%'
     ) as owners`,
  );
  return rows.map(({ owner }) => owner);
}

async function grants(): Promise<string[]> {
  const { rows } = await database.pool.query<{ grant: string }>(
    `select format('%s %s %s', c.oid::regclass, c.relacl, a.attacl) as grant
     from pg_class as c
     left join pg_attribute as a on a.attrelid = c.oid and a.attacl is not null
     where c.relnamespace::regnamespace::text like 'posthorn%' and c.relacl is not null
     union all
     select format('%s %s', tablename, roles) from pg_policies where schemaname like 'posthorn%'
     order by 1`,
  );
  return rows.map(({ grant }) => grant);
}
