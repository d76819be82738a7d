import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { type RoleKind, roleNames } from '../../src/db/rights.ts';
import { makeRoles } from '../../src/db/roles.ts';
import { createLog } from '../../src/log.ts';
import type { TestDatabase } from './database.ts';

export const roleKinds = ['producer', 'reader', 'worker', 'owner'] as const satisfies RoleKind[];

/** The roles of `posthorn roles` in a test's database, and a login for each. */
export interface TestRoles extends AsyncDisposable {
  readonly prefix: string;
  /** Of the group roles. */
  readonly names: Readonly<Record<RoleKind, string>>;
  /** Whoever logs in with these is a member of the role. */
  readonly urls: Readonly<Record<RoleKind, string>>;
  /** A schema in which all of the logins may make things, as an application's own schema is. */
  readonly playground: string;
  connect(kind: RoleKind): Promise<pg.Client & AsyncDisposable>;
}

/** Roles belong to the whole server, on which other tests run: hence a prefix of their own. Drops the database, too. */
export async function createTestRoles(database: TestDatabase): Promise<TestRoles> {
  const prefix = randomPrefix();
  const names = roleNames(prefix);
  await makeRoles({ databaseUrl: database.url, log: createLog('silent'), prefix });
  const playground = `${prefix}_playground`;
  await database.pool.query(`create schema ${playground}`);
  const urls = { ...names };
  for (const kind of roleKinds) {
    const login = `${names[kind]}_login`;
    await database.pool.query(
      `create role ${login} login password 'secret' in role ${names[kind]}`,
    );
    await database.pool.query(`grant all on schema ${playground} to ${login}`);
    urls[kind] = urlAs(database.url, login);
  }
  return {
    prefix,
    names,
    urls,
    playground,
    connect: (kind) => connect(urls[kind]),
    [Symbol.asyncDispose]: async () => {
      const server = await connect(urlOfServer(database.url));
      await database.drop();
      await dropRoles(server, prefix);
      await server.end();
    },
  };
}

export function randomPrefix(): string {
  return `posthorn_test_${randomBytes(4).toString('hex')}`;
}

/** Drops all roles whose names begin so; nothing may belong to them any more. */
export async function dropRoles(client: pg.Client, prefix: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select rolname as name from pg_roles where starts_with(rolname, $1) order by 1`,
    [prefix],
  );
  if (rows.length > 0) await client.query(`drop role ${rows.map(({ name }) => name).join(', ')}`);
}

/** The same server and database, another role, whose password is "secret". */
export function urlAs(url: string, role: string): string {
  const other = new URL(url);
  other.username = role;
  other.password = 'secret';
  return other.href;
}

export async function connect(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

export function urlOfServer(url: string): string {
  const other = new URL(url);
  other.pathname = '/postgres';
  return other.href;
}
