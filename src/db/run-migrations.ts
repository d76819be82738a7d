import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type RunnerOption, runner } from 'node-pg-migrate';
import type pg from 'pg';
import type { Log } from '../log.ts';
import { buildIndex, isConcurrentIndex } from './build-index.ts';
import { untilUnlocked, withShortLocks } from './short-locks.ts';
import { lockMs } from './transaction.ts';

/*
 * Applies migrations beside a running Posthorn of the version before, by node-pg-migrate, a file at a time. No lock is waited for
 * longer than a moment, and each file is recorded with what it did, so that whoever is interrupted goes on where it stopped.
 */

/** The first line of a file whose statements must not be in a transaction. Each may run twice, and holds no "$$". */
const outsideHeader = '-- Outside a transaction.';

/** Applies these files of the folder, in this order. The client is the only one that does, and acts as the owner. */
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
        // The names say the order, and schemaState() which are pending.
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
        // An index that is built concurrently, and whatever else the session does, may wait.
        await client.query('set lock_timeout = 0');
      }
      continue;
    }
    for (const statement of statementsIn(text)) {
      if (isConcurrentIndex(statement)) await buildIndex(client, { statement, log });
      else await withShortLocks(client, step, statement);
    }
    // Only records it.
    await migrateOne({ fake: true });
  }
}

/** A statement ends with a semicolon at the end of a line. */
function statementsIn(text: string): string[] {
  if (text.includes('$$')) {
    throw new Error('Cannot split a migration outside a transaction because it has "$$" in it');
  }
  return text
    .replaceAll(/^\s*--.*$/gm, '')
    .split(/;[^\S\n]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}
