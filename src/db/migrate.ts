import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Log } from '../log.ts';
import { migrateGraphile } from './graphile.ts';
import { lockClass, migrationLock } from './names.ts';
import { createMaintenancePool } from './pools.ts';

/** The oldest and newest major version of Postgres that the tests run against. */
const oldestMajor = 15;

/**
 * Brings the schema `posthorn` and Graphile Worker's own up to date. Safe when several processes start at once: the
 * others wait, and then find the work done.
 *
 * Returns the migrations it applied, and what tells this database from all others.
 *
 * @throws when Postgres is older than 15, cannot be reached, or the role may not create schemas in the database.
 */
export async function migrate({
  databaseUrl,
  log,
}: {
  databaseUrl: string;
  log: Log;
}): Promise<{ applied: string[]; identity: string }> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'posthorn migrate',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', (error) => log.warn({ error: error.message }, 'Lost the connection'));
  await client.connect().catch((cause: Error) => {
    throw new Error(`the database of DATABASE_URL must be reachable: ${cause.message}`, { cause });
  });
  try {
    await requireVersion(client);
    await client.query('select pg_advisory_lock($1, $2)', [lockClass, migrationLock]);
    const applied = await runner({
      dbClient: client,
      dir: fileURLToPath(new URL('../../migrations', import.meta.url)),
      direction: 'up',
      migrationsSchema: 'posthorn',
      migrationsTable: 'migrations',
      // `create schema if not exists` asks for the right to create one even if it exists.
      createMigrationsSchema: !(await hasSchema(client)),
      noLock: true,
      log: (message) => log.debug({ component: 'node-pg-migrate' }, message),
    });
    await migrateGraphileWith({ databaseUrl, log });
    return { applied: applied.map(({ name }) => name), identity: await identityOf(client) };
  } finally {
    // Ends the session, and with it the lock.
    await client.end();
  }
}

/** Tells this database from all others, by what does not change in its life: 32 hex digits. */
async function identityOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ identity: string }>(
    `select md5(concat_ws(' ', d.oid, d.datname, (select min(run_on) from posthorn.migrations))) as identity
     from pg_database as d
     where d.datname = current_database()`,
  );
  return rows[0]?.identity ?? '';
}

async function hasSchema(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ has: boolean }>(
    `select to_regnamespace('posthorn') is not null as has`,
  );
  return rows[0]?.has === true;
}

async function requireVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
  const version = Number(rows[0]?.server_version_num);
  if (version >= oldestMajor * 10_000) return;
  throw new Error(
    `Cannot use this Postgres as it must be version ${oldestMajor} or later: current value is ${Math.floor(version / 10_000)}`,
  );
}

async function migrateGraphileWith({
  databaseUrl,
  log,
}: {
  databaseUrl: string;
  log: Log;
}): Promise<void> {
  const pool = createMaintenancePool({
    databaseUrl,
    log,
    max: 2,
    applicationName: 'posthorn migrate',
  });
  try {
    await migrateGraphile(pool, log);
  } finally {
    await pool.end();
  }
}
