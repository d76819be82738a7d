import type pg from 'pg';
import { plainArray } from '../../src/db/plain-array.ts';
import { runSql, type SqlValues, sqlFile } from '../../src/db/sql-file.ts';
import { becameCodes } from '../../src/deliver/attempt-record.ts';
import type { TestDatabase } from './database.ts';

// Webhooks in the hands of workers that a test plays itself.

/** What of a result matters to a test of the queue. */
export interface TestResult {
  readonly id: string;
  readonly lane?: string;
  readonly number?: number;
  readonly worker?: number;
  readonly became: keyof typeof becameCodes;
  readonly statusCode?: number;
  readonly retryInS?: number;
  /** How long ago the attempt ended. */
  readonly endedMsAgo?: number;
  /** It was brought before, while its lane was locked. */
  readonly wasPutOff?: boolean;
}

/** The arguments of record.sql for one result. */
export function recordValues(result: TestResult): SqlValues {
  const { id, became, lane, number = 1, worker = 1, statusCode = 200 } = result;
  const one = (value: string | number | boolean | null) => plainArray([value]);
  return {
    webhookIds: one(id),
    numbers: one(number),
    became: one(becameCodes[became]),
    statusCodes: one(statusCode),
    errors: one(null),
    errorMessages: [null],
    responseBodies: ['ok'],
    areTruncated: one(false),
    durationsMs: one(1.5),
    endedAgoMs: one(result.endedMsAgo ?? 0),
    retryInS: one(result.retryInS ?? 60),
    reasons: one(null),
    uncounted: one(0),
    workerNumbers: one(worker),
    aliveKeys: '{}',
    neededLanes: plainArray(
      (became === 'retry' || result.wasPutOff === true) && lane !== undefined ? [lane] : [],
    ),
  };
}

/** One result, as settleLate() takes it. */
export function lateResult({ id, number = 1, became, statusCode = 200 }: TestResult) {
  return {
    webhook: { webhookId: id, number },
    decision: { became },
    result: { kind: 'response', statusCode },
  } as const;
}

/** Records one result; the ids that were the worker's to record. */
export async function recordResult(
  pool: Pick<pg.Pool, 'query'>,
  result: TestResult,
): Promise<string[]> {
  const rows = await runSql<{ webhook_id: string | null }>(
    pool as pg.Pool,
    sqlFile('record'),
    recordValues(result),
  );
  return rows.flatMap((row) => row.webhook_id ?? []);
}

/** Makes it so that a worker has claimed a webhook and is sending it. */
export async function claimByHand(
  { pool }: TestDatabase,
  { id, number = 1, worker = 1 }: { id: string; number?: number; worker?: number },
): Promise<void> {
  await pool.query(
    `with begun as (insert into posthorn.attempts (webhook_id, number, worker) values ($1, $2, $3))
     update posthorn.queue
     set attempts = $2, leased_by = $3, lease_until = now() + interval '1 minute'
     where webhook_id = $1`,
    [id, number, worker],
  );
}
