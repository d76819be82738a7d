import { readConfig } from '../config/config.ts';
import { openDatabase } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { createLog } from '../log.ts';
import { print } from './terminal.ts';

/** `posthorn migrate`: brings the schema up to date, says what it did, and ends. */
export async function migrateCommand({ isJson }: { readonly isJson: boolean }): Promise<void> {
  const config = readConfig(process.env);
  // What it did is printed.
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const database = await openDatabase({ config, log });
  try {
    const { applied } = await migrate({ databaseUrl: database.url, log });
    if (isJson) return print({ applied });
    print(applied.length === 0 ? 'The schema is up to date.' : `Applied ${applied.join(', ')}.`);
  } finally {
    await database.close();
  }
}
