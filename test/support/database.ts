import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { databaseUrlFor } from '../../harness/database-url.ts';

/** A migrated database of its own for a test file. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  /** For what the test itself asks and does. */
  readonly pool: pg.Pool;
  /** Deletes all webhooks, what became of them, and all endpoints. */
  empty(): Promise<void>;
  drop(): Promise<void>;
}

/** Clones the migrated template: its files are copied, which costs less than a write to the WAL for each page. */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabaseFrom(`template ${inject('templateDatabase')} strategy file_copy`);
}

/** Makes one that is not migrated, such as `encoding 'LATIN1' locale 'C'`, with settings of its own. */
export function createEmptyDatabase(
  options: { as?: string; settings?: Readonly<Record<string, string>> } = {},
): Promise<TestDatabase> {
  return createDatabaseFrom(`${options.as ?? ''} template template0`, options.settings);
}

/** Clones a database in which nobody works, with all that is in it. Ends the connections to it. */
export async function copyDatabase({ url }: TestDatabase): Promise<TestDatabase> {
  const name = new URL(url).pathname.slice(1);
  await asAdmin(
    inject('postgresUrl'),
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${name}'`,
  );
  return createDatabaseFrom(`template ${name}`);
}

async function createDatabaseFrom(
  how: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestDatabase> {
  const serverUrl = inject('postgresUrl');
  const name = `posthorn_test_${randomBytes(6).toString('hex')}`;
  await asAdmin(serverUrl, `create database ${name} ${how}`);
  for (const [setting, value] of Object.entries(settings)) {
    await asAdmin(serverUrl, `alter database ${name} set ${setting} = ${value}`);
  }
  const url = databaseUrlFor(serverUrl, name);
  const pool = new pg.Pool({ connectionString: url, max: 40 });
  pool.on('error', () => {});
  // A client that is ending belongs to no pool any more, and the server may cut it off.
  pool.on('connect', (client) => client.on('error', () => {}));
  const empty = async (): Promise<void> => {
    try {
      await pool.query(
        `truncate posthorn.outbox, posthorn.queue, posthorn.attempts, posthorn.outcomes,
           posthorn.idempotency_keys, posthorn.breakers, posthorn.endpoints, posthorn.lane_rules,
           posthorn.subscriptions, posthorn.catch_ups, posthorn.fan_outs, posthorn.unmatched_events, posthorn.tenants,
           posthorn.event_types,
           posthorn.alerts, posthorn.tallies, posthorn.former_outcomes, posthorn.brought_forward,
           posthorn.replays, posthorn.sealing`,
      );
    } catch (error) {
      // An engine at work takes its locks in another order.
      if ((error as { code?: unknown }).code !== '40P01') throw error;
      await empty();
    }
  };
  const drop = async () => {
    await pool.end();
    await asAdmin(serverUrl, `drop database ${name} with (force)`);
  };
  return { url, pool, empty, drop, [Symbol.asyncDispose]: drop };
}

async function asAdmin(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
