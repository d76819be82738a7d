import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/db/migrate.ts';
import { startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { createLog } from '../../src/log.ts';
import { databaseUrlFor } from './database-url.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A server on which the tests may make databases. */
    postgresUrl: string;
    /** A migrated database to clone. */
    templateDatabase: string;
  }
}

/**
 * One Postgres for all tests: the one of POSTHORN_TEST_DATABASE_URL, or an embedded one that is thrown away. Its
 * migrated template is cloned by each test file, which takes milliseconds.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = createLog('silent');
  const server = await openServer();
  const templateDatabase = `posthorn_template_${process.pid}`;
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(`create database ${templateDatabase}`);
  await migrate({ databaseUrl: databaseUrlFor(server.url, templateDatabase), log });
  project.provide('postgresUrl', server.url);
  project.provide('templateDatabase', templateDatabase);
  return async () => {
    await admin.query(`drop database ${templateDatabase} with (force)`);
    await admin.end();
    await server.close();
  };
}

async function openServer(): Promise<{ url: string; close: () => Promise<void> }> {
  const url = process.env['POSTHORN_TEST_DATABASE_URL'];
  if (url !== undefined && url !== '') return { url, close: async () => {} };
  const dataDir = await mkdtemp(join(tmpdir(), 'posthorn-test-'));
  const embedded = await startEmbeddedPostgres({
    dataDir,
    log: createLog('silent'),
    // Thrown away afterwards; the tests that need a server to survive a crash start their own.
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      max_connections: '300',
      max_prepared_transactions: '10',
    },
  });
  return {
    url: embedded.url,
    close: async () => {
      await embedded.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
