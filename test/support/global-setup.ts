import { rm } from 'node:fs/promises';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { databaseUrlFor } from '../../harness/database-url.ts';
import { startTemporaryPostgres, testSettings } from '../../harness/temporary-postgres.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createLog } from '../../src/log.ts';
import { makeQuickDirectory } from './quick-directory.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A server on which the tests may make databases. */
    postgresUrl: string;
    /** A migrated database to clone. */
    templateDatabase: string;
    /** For data directories of servers. Removed after all tests. */
    quickDirectory: string;
  }
}

/**
 * One Postgres for all tests: the one of POSTHORN_TEST_DATABASE_URL, or an embedded one that is thrown away. Its
 * migrated template is cloned by each test file, which takes milliseconds.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = createLog('silent');
  const quickDirectory = await makeQuickDirectory();
  const server = await openServer(quickDirectory);
  const templateDatabase = `posthorn_template_${process.pid}`;
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(`create database ${templateDatabase}`);
  await migrate({ databaseUrl: databaseUrlFor(server.url, templateDatabase), log });
  project.provide('postgresUrl', server.url);
  project.provide('templateDatabase', templateDatabase);
  project.provide('quickDirectory', quickDirectory);
  return async () => {
    await admin.query(`drop database ${templateDatabase} with (force)`);
    await admin.end();
    await server[Symbol.asyncDispose]();
    await rm(quickDirectory, { recursive: true, force: true });
  };
}

async function openServer(parent: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const url = process.env['POSTHORN_TEST_DATABASE_URL'];
  if (url !== undefined && url !== '') return { url, async [Symbol.asyncDispose]() {} };
  // The tests that need a server to survive a crash start their own.
  return startTemporaryPostgres({
    name: 'test',
    parent,
    settings: testSettings,
  });
}
