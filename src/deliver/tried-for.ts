import type { Pool } from 'pg';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { Verdict } from '../domain/classify.ts';
import { refusalPatienceMs } from '../domain/decide.ts';
import { refusalOf } from '../domain/throttle.ts';
import { uuidTimeMs } from '../domain/uuid.ts';
import type { Log } from '../log.ts';
import type { ClaimedWebhook } from './claim.ts';

const firstTrySql = sqlFile('first-try');
/** Then Postgres is asked whatever time the id says, because a producer may choose the id. */
const manyUncounted = 100;

/**
 * How long a webhook has been tried, ms, if that can end it: its receiver refuses it and it is old enough. Otherwise 0, without
 * asking Postgres. Also 0 if Postgres does not answer: the next attempt asks again.
 */
export async function triedForMs(
  { pool, log }: { readonly pool: Pool; readonly log: Log },
  webhook: Pick<ClaimedWebhook, 'webhookId' | 'pastAttempts' | 'uncounted'>,
  now: { verdict: Verdict; nowMs: number; scheduleMs: readonly number[] },
): Promise<number> {
  if (refusalOf(now.verdict) === undefined) return 0;
  const { webhookId, pastAttempts, uncounted } = webhook;
  const isOld = now.nowMs - uuidTimeMs(webhookId) > refusalPatienceMs(now.scheduleMs);
  if (!isOld && uncounted < manyUncounted) return 0;
  try {
    const rows = await runSql<{ tried_for_ms: number | null }>(pool, firstTrySql, {
      webhookId,
      pastAttempts,
    });
    return rows[0]?.tried_for_ms ?? 0;
  } catch (error) {
    log.warn({ error: String(error) }, 'Cannot ask for how long a webhook has been tried');
    return 0;
  }
}
