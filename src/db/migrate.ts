import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { ConfigError } from '../config/config-error.ts';
import type { Log } from '../log.ts';
import { connect } from './connect.ts';
import { type ConnectionKind, connectionKindOf } from './connection-kind.ts';
import { createBeforeTables, createDefinitions } from './definitions.ts';
import { migrateGraphile } from './graphile.ts';
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

/** A database that is ready for use. */
export interface Migrated {
  /** The migrations that were applied now. */
  readonly applied: readonly string[];
  /** The functions and views that were created or replaced now. */
  readonly defined: readonly string[];
  /** Distinguishes this database from all others. */
  readonly identity: string;
  readonly line: ConnectionKind;
}

/**
 * Brings the schema `posthorn` and Graphile Worker's own up to date, acting as their owner. Safe when several processes
 * start at once: the others wait and then find the work done. If nothing needs to be done, a role that is not the
 * owner, or a pooler in transaction mode, is enough.
 *
 * @throws when Postgres is older than 15, cannot be reached, or a migration is needed and the role may not do it.
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
    const line = await connectionKindOf(client, databaseUrl);
    const state = await readState(client);
    const done = isUpToDate(state)
      ? { applied: [], defined: [] }
      : await catchUp(client, { ...options, line });
    // With a newer schema this changes nothing, but throws if this version of Graphile Worker must not work with it.
    if (state.graphile > graphileMigration && line !== 'transaction pooler') {
      await migrateGraphileWith(client, { databaseUrl, log, role: undefined });
    }
    return { ...done, identity: await identityOf(client, environment), line };
  } finally {
    // This ends the session and so frees the lock.
    await client.end();
  }
}

async function catchUp(
  client: pg.Client,
  { databaseUrl, log, line }: { databaseUrl: string; log: Log; line: ConnectionKind },
): Promise<Pick<Migrated, 'applied' | 'defined'>> {
  if (line === 'transaction pooler') {
    throw new Error(
      'DATABASE_URL leads to a pooler in transaction mode, but a migration needs a direct connection to Postgres: run "posthorn migrate" with a DATABASE_URL that bypasses the pooler',
    );
  }
  await client.query(pinStatement({ more: { statement_timeout: '0', lock_timeout: '0' } }));
  await untilOurTurn(client);
  const state = await readState(client);
  if (isUpToDate(state)) return { applied: [], defined: [] };
  const role = await actAsOwner(client, state);
  // `create schema if not exists` requires the right to create schemas even if it exists.
  if (state.owner === undefined) await client.query('create schema posthorn');
  await createBeforeTables(client, { names: state.outdated, log });
  await runMigrations(client, { names: state.pending, folder: migrationsFolder, log });
  // Read again, because migrations drop definitions that cannot be replaced.
  const { outdated } = await schemaState(client);
  await createDefinitions(client, { names: outdated, log });
  await migrateGraphileWith(client, { databaseUrl, log, role });
  await renewRights(client, { owner: state.owner, log });
  return { applied: state.pending, defined: outdated };
}

/**
 * Polls for the lock. Waiting in a statement would be a transaction, and a concurrent index build waits for all older
 * transactions.
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

/**
 * Reads the schema's state. If the role lacks rights, the error also says what to do: roles were made, and this role
 * was granted none of them.
 */
async function readState(client: pg.Client): Promise<SchemaState> {
  try {
    return await schemaState(client);
  } catch (error) {
    if (codeOf(error) !== '42501') throw error;
    const { rows } = await client.query<{ user: string }>('select current_user as "user"');
    throw new Error(
      `The role ${rows[0]?.user} may not use the schema posthorn: it must be its owner or have been granted the worker's rights (docs/roles.md)`,
      { cause: error },
    );
  }
}

/**
 * Acts as the schema's owner. New objects belong to the role that creates them. So that one role owns all of the
 * schema, members of its owner, and superusers, act as the owner. The first time there is no owner yet, or one that may
 * lack the right to create schemas.
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
      `The role ${user} may not bring the schema up to date: run "posthorn migrate" as its owner ${owner}, or as a member of that role, first`,
      { cause },
    );
  }
}

/**
 * Distinguishes this database from all others, including its copies: 32 hex digits. If a server was cloned from its
 * files, only the environment distinguishes the two.
 */
async function identityOf(client: pg.Client, environment: string): Promise<string> {
  const { rows } = await client.query<{ identity: string }>(
    // Not the time as text, which depends on the session.
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
    `Postgres must be version ${oldestMajor} or later: this one is ${Math.floor(version / 10_000)}`,
  );
}

/** Our statements and the webhooks are UTF-8. In another encoding, some of it could not be stored or read back. */
async function requireUtf8(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_encoding: string }>('show server_encoding');
  const encoding = rows[0]?.server_encoding ?? '';
  if (encoding === 'UTF8') return;
  throw new ConfigError(
    `The encoding of the database of DATABASE_URL must be UTF8: it is ${encoding}. Make another database: create database NAME encoding 'UTF8' template template0`,
  );
}

/** Each of Graphile Worker's migrations is a transaction that can be repeated, like ours. */
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
