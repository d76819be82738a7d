import { readFile } from 'node:fs/promises';
import pg from 'pg';
import type { Log } from '../log.ts';
import { buildIndex, isConcurrentIndex } from './build-index.ts';
import { withShortLocks } from './short-locks.ts';

/*
 * Applies migrations beside a running Posthorn of the version before. No lock is waited for longer than a moment, and each file
 * is recorded with what it did, so that whoever is interrupted goes on where it stopped.
 */

/** The first line of a file whose statements must not be in a transaction. Each may run twice, and holds no "$$". */
const outsideHeader = '-- Outside a transaction.';

/** Applies these files of the folder, in this order. The client is the only one that does, and acts as the owner. */
export async function runMigrations(
  client: pg.Client,
  { names, folder, log }: { names: readonly string[]; folder: URL; log: Log },
): Promise<void> {
  await client.query(
    `create table if not exists posthorn.migrations (
       id integer primary key generated always as identity,
       name text not null unique,
       run_on timestamptz not null)`,
  );
  for (const name of names) {
    const text = await readFile(new URL(`${name}.sql`, folder), 'utf8');
    const step = { what: `the migration ${name}`, log };
    const record = `insert into posthorn.migrations (name, run_on) values (${pg.escapeLiteral(name)}, now())`;
    if (!text.startsWith(outsideHeader)) {
      await withShortLocks(client, step, `${text}\n; ${record}`);
      continue;
    }
    for (const statement of statementsIn(text)) {
      if (isConcurrentIndex(statement)) await buildIndex(client, { statement, log });
      else await withShortLocks(client, step, statement);
    }
    await client.query(record);
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
