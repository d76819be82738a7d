import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { ConfigError } from '../config/config-error.ts';
import type { Log } from '../log.ts';
import { connect } from './connect.ts';
import { createBeforeTables, createDefinitions } from './definitions.ts';
import { migrateGraphile } from './graphile.ts';
import { type Line, lineOf } from './line.ts';
import { graphileMigration, lockClass, migrationLock } from './names.ts';
import { createMaintenancePool } from './pools.ts';
import { renewRights } from './roles.ts';
import { runMigrations } from './run-migrations.ts';
import { isUpToDate, migrationsFolder, type SchemaState, schemaState } from './schema-state.ts';
import { pinStatement } from './session-settings.ts';
import { untilUnlocked } from './short-locks.ts';
import { codeOf } from './sqlstate.ts';
import { lockMs } from './transaction.ts';

/** The oldest and newest major version of Postgres that the tests run against. */
const oldestMajor = 15;

/** A database that is ready to be used. */
export interface Migrated {
  /** The migrations that were applied now. */
  readonly applied: readonly string[];
  /** The functions and views that were created now, or again. */
  readonly defined: readonly string[];
  /** Tells this database from all others. */
  readonly identity: string;
  readonly line: Line;
}

/**
 * Brings the schema `posthorn` and Graphile Worker's own up to date, as the one whom it belongs to. Safe when several
 * processes start at once: the others wait, and then find the work done. A role that is not the owner, and a pooler in
 * transaction mode, will do as long as there is nothing to be done.
 *
 * @throws when Postgres is older than 15, cannot be reached, or the role may not migrate and has to.
 */
export async function migrate(options: {
  databaseUrl: string;
  /** POSTHORN_ENVIRONMENT, if it is set. */
  environment?: string;
  log: Log;
}): Promise<Migrated> {
  const { databaseUrl, environment = '', log } = options;
  const client = await connect(databaseUrl, { application_name: 'posthorn migrate' });
  client.on('error', (error) => log.warn({ error: error.message }, 'Lost the connection'));
  try {
    await requireVersion(client);
    await requireUtf8(client);
    const line = await lineOf(client, databaseUrl);
    const state = await readState(client);
    const done = isUpToDate(state)
      ? { applied: [], defined: [] }
      : await catchUp(client, { ...options, line });
    // It changes nothing then, and throws if this version of it must not work with that schema.
    if (state.graphile > graphileMigration && line !== 'transaction pooler') {
      await migrateGraphileWith(client, { databaseUrl, log, role: undefined });
    }
    return { ...done, identity: await identityOf(client, environment), line };
  } finally {
    // Ends the session, and with it the lock.
    await client.end();
  }
}

async function catchUp(
  client: pg.Client,
  { databaseUrl, log, line }: { databaseUrl: string; log: Log; line: Line },
): Promise<Pick<Migrated, 'applied' | 'defined'>> {
  if (line === 'transaction pooler') {
    throw new Error(
      'Cannot bring the schema up to date as that takes a direct line to Postgres: current value is a pooler in transaction mode; run "posthorn migrate" with a DATABASE_URL that leads past it',
    );
  }
  await client.query(pinStatement({ more: { statement_timeout: '0', lock_timeout: '0' } }));
  await untilOurTurn(client);
  const state = await readState(client);
  if (isUpToDate(state)) return { applied: [], defined: [] };
  const role = await actAsOwner(client, state);
  // `create schema if not exists` asks for the right to create one even if it exists.
  if (state.owner === undefined) await client.query('create schema posthorn');
  await createBeforeTables(client, { names: state.outdated, log });
  await runMigrations(client, { names: state.pending, folder: migrationsFolder, log });
  // Read again: a migration drops what cannot be replaced.
  const { outdated } = await schemaState(client);
  await createDefinitions(client, { names: outdated, log });
  await migrateGraphileWith(client, { databaseUrl, log, role });
  await renewRights(client, { owner: state.owner, log });
  return { applied: state.pending, defined: outdated };
}

/**
 * Asks again and again, rather than wait in a statement: that would be a transaction, and an index that is built
 * concurrently waits for all that are older.
 */
async function untilOurTurn(client: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>(
      'select pg_try_advisory_lock($1, $2) as taken',
      [lockClass, migrationLock],
    );
    if (rows[0]?.taken === true) return;
    await delay(200);
  }
}

/** Like Postgres' own message, but says what to do: roles were made, and this one was given none of them. */
async function readState(client: pg.Client): Promise<SchemaState> {
  try {
    return await schemaState(client);
  } catch (error) {
    if (codeOf(error) !== '42501') throw error;
    const { rows } = await client.query<{ user: string }>('select current_user as "user"');
    throw new Error(
      `Cannot use the schema posthorn as the role must be its owner or have been granted the worker's rights (docs/roles.md): current value is ${rows[0]?.user}`,
      { cause: error },
    );
  }
}

/**
 * What is made belongs to whoever makes it. So that all of the schema belongs to one, members of its owner, and superusers,
 * act as the owner. The very first time there is no owner yet, or one who may lack the right to create schemas.
 */
async function actAsOwner(client: pg.Client, state: SchemaState): Promise<string | undefined> {
  const { owner, user, applied } = state;
  if (owner === undefined || owner === user || applied === 0) return undefined;
  try {
    await client.query(`set role ${pg.escapeIdentifier(owner)}`);
    return owner;
  } catch (cause) {
    if (codeOf(cause) !== '42501') throw cause;
    throw new Error(
      `Cannot bring the schema up to date as that takes its owner ${owner} or a member of that role: current value is ${user}; run "posthorn migrate" as such a one first`,
      { cause },
    );
  }
}

/**
 * Tells this database from all others, its copies among them: 32 hex digits. Of a server that was cloned from files only the
 * environment tells it.
 */
async function identityOf(client: pg.Client, environment: string): Promise<string> {
  const { rows } = await client.query<{ identity: string }>(
    // Not the text of the time, which depends on the session.
    `select md5(concat_ws(
       ' ', posthorn.system_identifier(), d.oid, d.datname,
       extract(epoch from (select min(run_on) from posthorn.migrations)), $1::text)) as identity
     from pg_database as d
     where d.datname = current_database()`,
    [environment],
  );
  return rows[0]?.identity ?? '';
}

async function requireVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
  const version = Number(rows[0]?.server_version_num);
  if (version >= oldestMajor * 10_000) return;
  throw new Error(
    `Cannot use this Postgres as it must be version ${oldestMajor} or later: current value is ${Math.floor(version / 10_000)}`,
  );
}

/** Our statements and what is sent are UTF-8. In another encoding a part of that cannot be stored, or cannot be read back. */
async function requireUtf8(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_encoding: string }>('show server_encoding');
  const encoding = rows[0]?.server_encoding ?? '';
  if (encoding === 'UTF8') return;
  throw new ConfigError(
    `Cannot use the database of DATABASE_URL because its encoding is ${encoding}: it must be UTF8. Make another one: create database NAME encoding 'UTF8' template template0`,
  );
}

/** Each of its migrations is a transaction that can be begun again, like ours. */
async function migrateGraphileWith(
  client: pg.Client,
  {
    databaseUrl,
    log,
    role,
  }: {
    databaseUrl: string;
    log: Log;
    role: string | undefined;
  },
): Promise<void> {
  const pool = createMaintenancePool({
    databaseUrl,
    log,
    max: 2,
    applicationName: 'posthorn migrate',
    lockTimeoutMs: lockMs,
    role,
  });
  const step = { what: "Graphile Worker's own migrations", log };
  try {
    await untilUnlocked(client, step, () => migrateGraphile(pool, log));
  } finally {
    await pool.end();
  }
}
