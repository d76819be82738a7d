import type { Pool } from 'pg';
import { runSql, sqlFile } from '../db/sql-file.ts';

const closeSql = sqlFile('close-forgotten');
/** Looked at in a run, if not said otherwise. More than one webhook can have, so that each run gets on. */
const mostLookedAt = 100_000;
/** A lease lasts for two minutes, with the default timeout; the longest that can be set is below this. */
const forgottenAfterS = 3_600;

/** Where the next run goes on; undefined: at the beginning. */
export interface SweptAttempts extends Record<string, unknown> {
  readonly closed: number;
  readonly walkedTo: string | undefined;
}

/**
 * Closes attempts that nobody will ever close (I5): what ends a webhook closes its attempts, and the rescue those of a dead worker,
 * so there are none but after two failures at once, or after rows of the queue were deleted by hand.
 *
 * Walks over all attempts, a part in each run, and begins again at the end.
 */
export async function closeForgottenAttempts(
  pool: Pool,
  { task, mostAttempts = mostLookedAt }: { readonly task: string; readonly mostAttempts?: number },
): Promise<SweptAttempts> {
  const { rows } = await pool.query<{ walked_to: string | null }>(
    `select detail ->> 'walkedTo' as walked_to from posthorn.maintenance_runs where task = $1`,
    [task],
  );
  const from = rows[0]?.walked_to ?? '00000000-0000-0000-0000-000000000000';
  const [swept] = await runSql<{ closed: number; walked_to: string | null }>(pool, closeSql, {
    fromId: from,
    maxAttempts: mostAttempts,
    forgottenAfterS,
  });
  return { closed: swept?.closed ?? 0, walkedTo: swept?.walked_to ?? undefined };
}
