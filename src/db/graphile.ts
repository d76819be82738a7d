import { Logger, runMigrations } from 'graphile-worker';
import type { Pool } from 'pg';
import type { Log } from '../log.ts';
import { graphileSchema } from './names.ts';

/** Brings Graphile Worker's own tables up to date. */
export async function migrateGraphile(pool: Pool, log: Log): Promise<void> {
  await runMigrations({ pgPool: pool, schema: graphileSchema, logger: graphileLogger(log) });
}

/** Graphile Worker logs each job and each start at info; Posthorn logs these at debug. */
export function graphileLogger(log: Log): Logger {
  return new Logger((scope) => (level, message) => {
    const fields = { component: 'graphile-worker', ...scope };
    if (level === 'error') log.error(fields, message);
    else if (level === 'warning') log.warn(fields, message);
    else log.debug(fields, message);
  });
}
