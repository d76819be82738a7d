import pg from 'pg';
import { migrate } from '../src/db/migrate.ts';
import { createLog } from '../src/log.ts';
import { databaseUrlFor } from './database-url.ts';
import { postmasterOf } from './machine.ts';
import { startTemporaryPostgres } from './temporary-postgres.ts';

/** The Postgres server of a run: an embedded one in a temporary directory, or one that is given. */
export interface Server extends AsyncDisposable {
  readonly isEmbedded: boolean;
  /** Version and the settings that decide about durability. */
  readonly settings: Readonly<Record<string, string>>;
  /** Undefined when Postgres runs elsewhere: then its CPU time is unknown. */
  readonly postmasterPid: number | undefined;
  /** A database of its own, as every round has: no round finds the tables of another. Migrated, unless it is a peer's. */
  createDatabase(content?: 'posthorn' | 'empty'): Promise<RoundDatabase>;
  /** A database that stays for the next run: made when it is not there, migrated when it is. */
  keepDatabase(name: string): Promise<RoundDatabase>;
}

export interface RoundDatabase extends AsyncDisposable {
  readonly url: string;
  /** The run's own connection. Every statement on it is a transaction that the counters see. */
  readonly client: pg.Client;
}

const log = createLog('warn');

/** Starts an embedded Postgres in a temporary directory with its defaults and these settings, or uses `url`. */
export async function openServer(
  url: string | undefined,
  settings: Readonly<Record<string, string>> = {},
): Promise<Server> {
  await using stack = new AsyncDisposableStack();
  const serverUrl =
    url ?? stack.use(await startTemporaryPostgres({ name: 'bench', settings, log })).url;
  const admin = await connect(serverUrl);
  stack.defer(() => admin.end());
  const prefix = `posthorn_bench_${process.pid}`;
  const template = `${prefix}_template`;
  stack.defer(() => drop(admin, template));
  await admin.query(`create database ${template}`);
  await migrate({ databaseUrl: databaseUrlFor(serverUrl, template), log });
  const { rows } = await admin.query<{ pid: number }>('select pg_backend_pid() as pid');
  const inForce = await settingsOf(admin);
  const disposal = stack.move();
  let databases = 0;
  return {
    isEmbedded: url === undefined,
    settings: inForce,
    postmasterPid: postmasterOf(rows[0]?.pid ?? 0),
    async createDatabase(content = 'posthorn') {
      databases += 1;
      const name = `${prefix}_${databases}`;
      const from = content === 'posthorn' ? template : 'template1';
      await admin.query(`create database ${name} template ${from}`);
      const client = await connect(databaseUrlFor(serverUrl, name));
      return {
        url: databaseUrlFor(serverUrl, name),
        client,
        async [Symbol.asyncDispose]() {
          await client.end();
          await drop(admin, name);
        },
      };
    },
    async keepDatabase(name) {
      const { rows } = await admin.query('select from pg_database where datname = $1', [name]);
      if (rows.length === 0) await admin.query(`create database ${name} template ${template}`);
      await migrate({ databaseUrl: databaseUrlFor(serverUrl, name), log });
      const client = await connect(databaseUrlFor(serverUrl, name));
      return {
        url: databaseUrlFor(serverUrl, name),
        client,
        [Symbol.asyncDispose]: () => client.end(),
      };
    },
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'posthorn bench',
    connectionTimeoutMillis: 10_000,
    statement_timeout: 120_000,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function drop(admin: pg.Client, name: string): Promise<void> {
  await admin.query(`drop database if exists ${name} with (force)`);
}

async function settingsOf(client: pg.Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ name: string; value: string }>(
    `select name, current_setting(name) as value
     from pg_settings
     where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'wal_level')
     order by name`,
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}
