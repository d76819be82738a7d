import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type RunnerOption, runner } from 'node-pg-migrate';
import type pg from 'pg';
import type { Log } from '../log.ts';
import { buildIndex, isConcurrentIndex } from './build-index.ts';
import { untilUnlocked, withShortLocks } from './short-locks.ts';
import { lockMs } from './transaction.ts';

/*
 * Applies migrations with node-pg-migrate, one file at a time, while the previous version of Posthorn is running. It
 * never waits long for a lock, and records each file together with its changes, so that an interrupted migration
 * continues where it stopped.
 */

/**
 * The first line of a migration whose statements must run outside a transaction. Each statement may run twice, and must
 * not contain "$$".
 */
const outsideHeader = '-- Outside a transaction.';

/** Applies these migration files in this order. The caller holds the migration lock and acts as the owner. */
export async function runMigrations(
  client: pg.Client,
  { names, folder, log }: { names: readonly string[]; folder: URL; log: Log },
): Promise<void> {
  for (const name of names) {
    const text = await readFile(new URL(`${name}.sql`, folder), 'utf8');
    const migrateOne = (options: Partial<RunnerOption>) =>
      runner({
        dbClient: client,
        dir: fileURLToPath(folder),
        file: name,
        // The file names define the order, and schemaState() says which are pending.
        checkOrder: false,
        direction: 'up',
        migrationsSchema: 'posthorn',
        migrationsTable: 'migrations',
        noLock: true,
        log: (message) => log.debug({ component: 'node-pg-migrate' }, message),
        ...options,
      });
    const step = { what: `the migration ${name}`, log };
    if (!text.startsWith(outsideHeader)) {
      await client.query(`set lock_timeout = '${lockMs}ms'`);
      try {
        await untilUnlocked(client, step, async () => {
          await migrateOne({ singleTransaction: true });
        });
      } finally {
        // A concurrent index build, and everything else in this session, may wait for locks.
        await client.query('set lock_timeout = 0');
      }
      continue;
    }
    for (const statement of statementsIn(text)) {
      if (isConcurrentIndex(statement)) await buildIndex(client, { statement, log });
      else await withShortLocks(client, step, statement);
    }
    // This only records the migration.
    await migrateOne({ fake: true });
  }
}

/** A statement ends with a semicolon at the end of a line. */
function statementsIn(text: string): string[] {
  if (text.includes('$$')) {
    throw new Error(
      'A migration outside a transaction must not contain "$$", because it is split into statements',
    );
  }
  return text
    .replaceAll(/^\s*--.*$/gm, '')
    .split(/;[^\S\n]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}
