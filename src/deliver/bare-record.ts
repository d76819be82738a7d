import type { Pool } from 'pg';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { endPoisoned, setAside } from './poisoned.ts';

/** How an attempt ended that the usual statement cannot record. */
interface Unrecordable {
  readonly webhookId: string;
  readonly number: number;
  readonly leasedBy: number;
  readonly became: 'retry' | 'delivered' | 'failed';
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly durationMs: number;
  readonly retryInMs: number | null;
  readonly reason: string | null;
}

/** Bounds of the retry: the webhook's own delay may be what cannot be written. */
const leastRetryS = 60;
const mostRetryS = 86_400;

/**
 * Writes what becomes of a webhook and as little else as possible; whether that could be written. Without it the webhook
 * would be sent again at the end of each lease, for ever.
 */
export async function writeBare(
  { pool, events, log }: { readonly pool: Pool; readonly events: Events; readonly log: Log },
  record: Unrecordable,
  message: string,
): Promise<boolean> {
  const { webhookId, became, number, leasedBy, statusCode, reason } = record;
  const attempt = { number, leasedBy };
  try {
    if (became === 'retry') {
      const forS = Math.min(Math.max((record.retryInMs ?? 0) / 1_000, leastRetryS), mostRetryS);
      if (!(await setAside(pool, { webhookId, forS, attempt }))) return false;
    } else if (!(await endPoisoned(pool, { webhookId, became, reason, statusCode, attempt }))) {
      return false;
    }
  } catch {
    return false;
  }
  events.emit('poisoned', { webhookId, became: became === 'retry' ? 'set_aside' : became });
  log.error(
    { webhookId, number, became, error: message },
    'Cannot record an attempt as usual: recorded what becomes of its webhook',
  );
  await finishAttempt(pool, record).catch(() => {});
  return true;
}

/** Of the attempt what no row can refuse; it may be the row that cannot be written. */
async function finishAttempt(pool: Pool, record: Unrecordable): Promise<void> {
  await pool.query(
    `update posthorn.attempts
     set finished_at = clock_timestamp(), duration_ms = $3, status_code = $4, error = $5
     where webhook_id = $1 and number = $2 and finished_at is null`,
    [record.webhookId, record.number, record.durationMs, record.statusCode, record.error],
  );
}
