import type { Pool } from 'pg';
import type { EndedAttempt } from '../domain/attempt.ts';
import { statusCodeOf } from '../domain/attempt-result.ts';
import type { Decision } from '../domain/decide.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { errorOf } from './attempt-record.ts';
import { endPoisoned, setAside } from './poisoned.ts';

/** Bounds of the retry: the webhook's own delay may be what cannot be written. */
const leastRetryS = 60;
const mostRetryS = 86_400;

/**
 * Writes what becomes of a webhook whose result the usual statement cannot record, and as little else as possible. Returns whether
 * that could be written. Without it the webhook would be sent again at the end of each lease, forever.
 */
export async function writeBare(
  { pool, events, log }: { readonly pool: Pool; readonly events: Events; readonly log: Log },
  ended: EndedAttempt,
  message: string,
): Promise<boolean> {
  const { webhookId, number } = ended.webhook;
  const { became } = ended.decision;
  try {
    if (!(await writeOutcome(pool, ended))) return false;
  } catch {
    return false;
  }
  events.emit('poisoned', { webhookId, became: became === 'retry' ? 'set_aside' : became });
  log.error(
    { webhookId, number, became, error: message },
    'Cannot record an attempt as usual: recorded what becomes of its webhook',
  );
  await finishAttempt(pool, ended).catch(() => {});
  return true;
}

/** Returns whether the webhook was ours. */
async function writeOutcome(
  pool: Pool,
  { webhook, result, decision }: EndedAttempt,
): Promise<boolean> {
  const { webhookId, number, leasedBy } = webhook;
  const attempt = { number, leasedBy };
  if (decision.became === 'retry') {
    return await setAside(pool, { webhookId, forS: retryInS(decision), attempt });
  }
  const reason = decision.became === 'failed' ? decision.reason : null;
  const { became } = decision;
  const statusCode = statusCodeOf(result);
  return await endPoisoned(pool, { webhookId, became, reason, statusCode, attempt });
}

function retryInS({ inMs }: Extract<Decision, { became: 'retry' }>): number {
  return Math.min(Math.max(inMs / 1_000, leastRetryS), mostRetryS);
}

/** Writes the part of the attempt that no row can refuse. The attempt may be the row that cannot be written. */
async function finishAttempt(pool: Pool, ended: EndedAttempt): Promise<void> {
  const { webhook, result } = ended;
  await pool.query(
    `update posthorn.attempts
     set finished_at = clock_timestamp(), duration_ms = $3, status_code = $4, error = $5
     where webhook_id = $1 and number = $2 and finished_at is null`,
    [webhook.webhookId, webhook.number, result.durationMs, statusCodeOf(result), errorOf(ended)],
  );
}
