import type { Pool } from 'pg';
import { runSql, sqlFile } from '../db/sql-file.ts';

/*
 * A 2xx ends its webhook whoever has the lease meanwhile. What that leaves behind is put right here, after the record: an outcome
 * that says failed, and attempts that were under way beside it.
 *
 * Nothing is done, and nothing asked, for results that came in time. A crash before it: the sweep closes the attempts
 * (maintenance/open-attempts.ts).
 */

interface Result {
  readonly webhookId: string;
  readonly number: number;
  readonly became: 'retry' | 'delivered' | 'failed';
  readonly statusCode: number | null;
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
    ({ became, webhookId, number }) => became === 'delivered' && latest.get(webhookId) !== number,
  );
  const webhookIds = new Set(late.map((result) => result.webhookId));
  if (late.length === 0) return { webhookIds, again: [], locked: new Set() };
  const settled = await correctOutcomes(
    pool,
    late.filter(({ webhookId }) => !latest.has(webhookId)),
  );
  await runSql(pool, { sql: closeSql, values: [[...webhookIds]] });
  return { webhookIds, ...settled };
}

/**
 * What had ended as failed or cancelled by the time its 2xx was recorded was delivered all the same. What was not to be found then
 * may have been put back into the queue in between: it is recorded once more.
 */
async function correctOutcomes<Late extends Result>(
  pool: Pool,
  late: readonly Late[],
): Promise<Pick<LateResults<Late>, 'again' | 'locked'>> {
  if (late.length === 0) return { again: [], locked: new Set() };
  const found = await runSql<{ webhook_id: string; is_locked: boolean }>(pool, {
    sql: correctSql,
    values: [
      late.map((result) => result.webhookId),
      late.map((result) => result.statusCode),
      late.map((result) => result.number),
    ],
  });
  const known = new Set(found.map((row) => row.webhook_id));
  return {
    again: late.filter(({ webhookId }) => !known.has(webhookId)),
    locked: new Set(found.flatMap((row) => (row.is_locked ? [row.webhook_id] : []))),
  };
}
