import type { Pool } from 'pg';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { AttemptedWebhook } from '../domain/attempt.ts';
import { statusCodeOf } from '../domain/attempt-result.ts';
import type { Decision } from '../domain/decide.ts';

/*
 * Puts right what a late 2xx leaves behind, after the record: an outcome that says failed, and attempts that were under way at the
 * same time. A 2xx ends its webhook even if another worker has the lease by then.
 *
 * Results that came in time cost no statement here. After a crash before this step, the sweep closes the attempts
 * (maintenance/open-attempts.ts).
 */

/** What of an ended attempt matters here. */
interface Result {
  readonly webhook: Pick<AttemptedWebhook, 'webhookId' | 'number'>;
  readonly decision: Pick<Decision, 'became'>;
  readonly result: Parameters<typeof statusCodeOf>[0];
}

/** What record.sql says of a webhook that was ours to record. */
export interface SettledRow {
  webhook_id: string | null;
  /** When it ended: the number of its latest attempt. */
  attempts: number | null;
}

const correctSql = sqlFile('correct-outcomes');
const closeSql = sqlFile('close-ended');

interface LateResults<Late> {
  /** The webhooks of all of them. */
  readonly webhookIds: ReadonlySet<string>;
  /** These are to be recorded once more. */
  readonly again: readonly Late[];
  /** Webhooks whose outcome somebody else has locked: to be settled later. */
  readonly locked: ReadonlySet<string>;
}

/** Settles the late ones among delivered results. */
export async function settleLate<Late extends Result>(
  pool: Pool,
  batch: readonly Late[],
  rows: readonly SettledRow[],
): Promise<LateResults<Late>> {
  const latest = new Map(rows.map((row) => [row.webhook_id, row.attempts]));
  const late = batch.filter(
    ({ webhook, decision }) =>
      decision.became === 'delivered' && latest.get(webhook.webhookId) !== webhook.number,
  );
  const webhookIds = new Set(late.map(({ webhook }) => webhook.webhookId));
  if (late.length === 0) return { webhookIds, again: [], locked: new Set() };
  const settled = await correctOutcomes(
    pool,
    late.filter(({ webhook }) => !latest.has(webhook.webhookId)),
  );
  await runSql(pool, closeSql, { webhookIds: [...webhookIds] });
  return { webhookIds, ...settled };
}

/**
 * Corrects webhooks that had ended as failed or cancelled when their 2xx was recorded. One that was not found may have been put back
 * into the queue in the meantime, so it is recorded once more.
 */
async function correctOutcomes<Late extends Result>(
  pool: Pool,
  late: readonly Late[],
): Promise<Pick<LateResults<Late>, 'again' | 'locked'>> {
  if (late.length === 0) return { again: [], locked: new Set() };
  const found = await runSql<{ webhook_id: string; is_locked: boolean }>(pool, correctSql, {
    webhookIds: late.map(({ webhook }) => webhook.webhookId),
    statusCodes: late.map(({ result }) => statusCodeOf(result)),
    numbers: late.map(({ webhook }) => webhook.number),
  });
  const known = new Set(found.map((row) => row.webhook_id));
  return {
    again: late.filter(({ webhook }) => !known.has(webhook.webhookId)),
    locked: new Set(found.flatMap((row) => (row.is_locked ? [row.webhook_id] : []))),
  };
}
