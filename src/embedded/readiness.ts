import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { superuser } from './cluster.ts';
import type { Postmaster } from './postmaster.ts';
import { isAlive } from './process-identity.ts';

/** Long enough to replay max_wal_size after a crash on a slow disk. */
const patienceMs = 60_000;

interface Target {
  readonly postmaster: Postmaster;
  readonly password: string;
  readonly cluster: string;
  readonly signal: AbortSignal;
}

/**
 * Waits until the server takes connections, and creates the database `posthorn` in it.
 *
 * @throws when the server's process ends, refuses our password, serves other data or is not ready
 *   within a minute; an AbortError when `signal` aborts.
 */
export async function untilReady(target: Target): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const obstacle = await tryToServe(target);
    if (obstacle === undefined) return;
    if (!(await isAlive(target.postmaster.identity))) {
      throw new Error('Cannot start the embedded Postgres: its process ended');
    }
    if (Date.now() > deadline) {
      throw new Error(
        `Cannot start the embedded Postgres: it was not ready within ${patienceMs / 1000} s: ` +
          `${obstacle}`,
      );
    }
    await sleep(25, undefined, { signal: target.signal });
  }
}

/** Tries to connect; returns why the server does not serve yet. */
async function tryToServe({ postmaster, password, cluster }: Target): Promise<string | undefined> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: postmaster.port,
    user: superuser,
    password,
    database: 'postgres',
    connectionTimeoutMillis: 5000,
  });
  // The query's promise reports a broken connection; without this listener the event would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await checkIdentity(client, cluster);
    await createDatabase(client);
    return undefined;
  } catch (error) {
    if (isFinal(error)) throw error;
    return String(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

class WrongServer extends Error {}

async function checkIdentity(client: pg.Client, cluster: string): Promise<void> {
  const { rows } = await client.query<{ path: string }>(
    `select current_setting('data_directory') as path`,
  );
  const path = rows[0]?.path ?? '';
  if (resolve(path) !== cluster) {
    throw new WrongServer(
      `The port of the embedded Postgres leads to ${path} instead of ${cluster}`,
    );
  }
}

async function createDatabase(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query(`select from pg_database where datname = 'posthorn'`);
  if (rowCount !== 0) return;
  // Under another name until it is complete, because this process may be killed in between.
  await client.query('drop database if exists posthorn_new');
  await client.query('create database posthorn_new');
  // Whatever the name of a login: tables without a schema are the application's.
  await client.query('alter database posthorn_new set search_path = public');
  await client.query('alter database posthorn_new rename to posthorn');
}

/** Class 28: wrong password. All other errors may pass while a server starts or recovers. */
function isFinal(error: unknown): boolean {
  if (error instanceof WrongServer) return true;
  return error instanceof pg.DatabaseError && error.code?.startsWith('28') === true;
}
