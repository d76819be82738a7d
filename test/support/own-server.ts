import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { createLog } from '../../src/log.ts';
import { databaseUrlFor } from './database-url.ts';
import { connect } from './roles.ts';

/** A Postgres of a test's own, for what concerns a whole server. */
export interface OwnServer extends AsyncDisposable {
  readonly dataDir: string;
  readonly url: string;
  /** A migrated database of its own. */
  database(): Promise<{ readonly url: string; readonly pool: pg.Pool } & AsyncDisposable>;
}

/** Starts one with these settings on its command line; the others are those that anybody gets. */
export async function startOwnServer(settings: Record<string, string> = {}): Promise<OwnServer> {
  const log = createLog('silent');
  const dataDir = await mkdtemp(join(tmpdir(), 'posthorn-own-'));
  const server = await startEmbeddedPostgres({ dataDir, log, settings });
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
    dataDir,
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
      pools.add(pool);
      const end = async () => {
        if (pools.delete(pool)) await pool.end();
      };
      return { url, pool, [Symbol.asyncDispose]: end };
    },
    [Symbol.asyncDispose]: async () => {
      for (const pool of pools) await pool.end();
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
