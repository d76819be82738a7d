import type { Pool } from 'pg';
import type { Log } from '../log.ts';

/**
 * Checks whether the clock of the database was set back, and repairs due times that would otherwise wait until it has
 * caught up.
 */
export async function watchClock(pool: Pool, log: Log): Promise<void> {
  const { rows } = await pool.query<{ step_s: number | null }>(
    'select extract(epoch from posthorn.watch_clock())::float8 as step_s',
  );
  const stepS = rows[0]?.step_s ?? null;
  if (stepS === null) return;
  log.warn(
    { stepS: Math.round(stepS) },
    'The clock of the database was set back: due times were moved back too',
  );
}
