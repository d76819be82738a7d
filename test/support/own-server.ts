import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { databaseUrlFor } from '../../harness/database-url.ts';
import { startTemporaryPostgres } from '../../harness/temporary-postgres.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createLog } from '../../src/log.ts';
import { connect } from './roles.ts';

/** A Postgres of a test's own, for what concerns a whole server. */
export interface OwnServer extends AsyncDisposable {
  readonly dataDir: string;
  readonly url: string;
  /** A migrated database of its own. */
  database(): Promise<{ readonly url: string; readonly pool: pg.Pool } & AsyncDisposable>;
}

/**
 * Starts one with these settings on its command line; the others are those that anybody gets. `parent` is the directory of its
 * directory: outside of a run of tests it must be given.
 */
export async function startOwnServer(
  settings: Record<string, string> = {},
  parent = inject('quickDirectory'),
): Promise<OwnServer> {
  const log = createLog('silent');
  const server = await startTemporaryPostgres({
    name: 'own',
    parent,
    settings,
  });
  const pools = new Set<pg.Pool>();
  // Migrated once, and cloned for each database that a test asks for.
  const template = 'own_template';
  let migrated: Promise<void> | undefined;
  const makeTemplate = async () => {
    await using admin = await connect(server.url);
    await admin.query(`create database ${template}`);
    await migrate({ databaseUrl: databaseUrlFor(server.url, template), log });
  };
  return {
    dataDir: server.dataDir,
    url: server.url,
    database: async () => {
      const name = `own_${randomBytes(4).toString('hex')}`;
      migrated ??= makeTemplate();
      await migrated;
      await using admin = await connect(server.url);
      await admin.query(`create database ${name} template ${template}`);
      const url = databaseUrlFor(server.url, name);
      const pool = new pg.Pool({ connectionString: url });
      pool.on('error', () => {});
      // A client that is ending belongs to no pool any more, and the server may cut it off.
      pool.on('connect', (client) => client.on('error', () => {}));
      pools.add(pool);
      const end = async () => {
        if (pools.delete(pool)) await pool.end();
      };
      return { url, pool, [Symbol.asyncDispose]: end };
    },
    [Symbol.asyncDispose]: async () => {
      for (const pool of pools) await pool.end();
      await server[Symbol.asyncDispose]();
    },
  };
}
