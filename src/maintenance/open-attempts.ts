import type { Pool } from 'pg';
import { runSql, sqlFile } from '../db/sql-file.ts';

const closeSql = sqlFile('close-forgotten');
/** The default number of attempts per run. It is more than one webhook can have, so that each run advances. */
const maxLookedAt = 100_000;
/** With the default timeout a lease lasts for two minutes; the longest possible one is shorter than this. */
const forgottenAfterS = 3_600;

/** Where the next run continues; undefined: at the beginning. */
export interface SweptAttempts extends Record<string, unknown> {
  readonly closed: number;
  readonly walkedTo: string | undefined;
}

/**
 * Closes attempts that nothing else would close (I5). Usually the end of a webhook closes its attempts, and the rescue
 * closes those of a dead worker; others remain only after two failures at once, or after rows of the queue were deleted
 * by hand.
 *
 * It walks over all attempts, a part in each run, and then starts over.
 */
export async function closeForgottenAttempts(
  pool: Pool,
  { task, maxAttempts = maxLookedAt }: { readonly task: string; readonly maxAttempts?: number },
): Promise<SweptAttempts> {
  const { rows } = await pool.query<{ walked_to: string | null }>(
    `select detail ->> 'walkedTo' as walked_to from posthorn.maintenance_runs where task = $1`,
    [task],
  );
  const from = rows[0]?.walked_to ?? '00000000-0000-0000-0000-000000000000';
  const [swept] = await runSql<{ closed: number; walked_to: string | null }>(pool, closeSql, {
    fromId: from,
    maxAttempts: maxAttempts,
    forgottenAfterS,
  });
  return { closed: swept?.closed ?? 0, walkedTo: swept?.walked_to ?? undefined };
}
