import type { Pool } from 'pg';
import { runSql, sqlFile } from '../db/sql-file.ts';

/** The reason of a webhook that was ended because its rows cannot be handled. docs/history.md says what to do about it. */
export const poisonReason = 'poison_row';

/** An attempt that is under way: only if it still has the webhook may it say what becomes of it. */
interface Attempt {
  readonly number: number;
  readonly leasedBy: number;
}

const endSql = sqlFile('end-poisoned');
const setAsideSql = sqlFile('set-aside');

/** Ends one webhook with as few writes as that takes; whether it was ours to end. */
export async function endPoisoned(
  pool: Pool,
  webhook: {
    readonly webhookId: string;
    readonly became: 'delivered' | 'failed';
    readonly reason: string | null;
    readonly statusCode?: number | null;
    readonly attempt?: Attempt;
  },
): Promise<boolean> {
  const { webhookId, became, reason, statusCode = null, attempt } = webhook;
  const rows = await runSql(pool, endSql, {
    webhookId,
    status: became,
    reason,
    statusCode,
    number: attempt?.number ?? null,
    workerNumber: attempt?.leasedBy ?? null,
  });
  return rows.length > 0;
}

/** Lets one webhook wait; whether it was ours. */
export async function setAside(
  pool: Pool,
  webhook: {
    readonly webhookId: string;
    readonly forS: number;
    readonly attempt?: Attempt;
  },
): Promise<boolean> {
  const { webhookId, forS, attempt } = webhook;
  const rows = await runSql(pool, setAsideSql, {
    webhookId,
    forS,
    number: attempt?.number ?? null,
    workerNumber: attempt?.leasedBy ?? null,
  });
  return rows.length > 0;
}
