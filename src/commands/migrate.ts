import { readConfig } from '../config/config.ts';
import { openDatabase } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { createLog } from '../log.ts';
import { print } from './terminal.ts';

/** `posthorn migrate`: brings the schema up to date, prints what it did, and ends. */
export async function migrateCommand({ isJson }: { readonly isJson: boolean }): Promise<void> {
  const config = readConfig(process.env);
  // The command prints what it did, so the log is less verbose.
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const database = await openDatabase({ config, log });
  try {
    const { applied, defined } = await migrate({ databaseUrl: database.url, log });
    if (isJson) return print({ applied, defined });
    if (applied.length > 0) print(`Applied ${applied.join(', ')}.`);
    if (defined.length > 0) print(`Created ${countedDefinitions(defined)}.`);
    if (applied.length + defined.length === 0) print('The schema is up to date.');
  } finally {
    await database.close();
  }
}

/** Their names, or only their number if there are many. */
function countedDefinitions(names: readonly string[]): string {
  return names.length > 10 ? `${names.length} functions and views` : names.join(', ');
}
