import type { Pool } from 'pg';
import { plainArray } from '../db/plain-array.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { LaneResult } from '../domain/breaker.ts';
import type { SettledRow } from './late-results.ts';
import type { AttemptTrace } from './tracing.ts';

/*
 * The statement that records results, sql/record.sql, with its arguments and its answer.
 */

/** How one attempt ended and what becomes of its webhook. */
export interface AttemptRecord {
  readonly webhookId: string;
  readonly number: number;
  /** An attempt before it was abandoned, and maybe nobody has closed it. */
  readonly mayHaveOpenAttempts: boolean;
  readonly leasedBy: number;
  readonly became: 'retry' | 'delivered' | 'failed';
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly errorMessage: string | null;
  readonly responseBody: string | null;
  readonly responseTruncated: boolean | null;
  readonly durationMs: number;
  /** performance.now() when the attempt ended. */
  readonly endedAtMs: number;
  readonly retryInMs: number | null;
  readonly reason: string | null;
  readonly counts: boolean;
  /** What it says about its lane. */
  readonly laneResult: LaneResult;
  readonly endpointId: string | null;
  /** Answers 410 Gone of the endpoint before this one. */
  readonly goneAnswers: number;
  /** Called when it is in Postgres, or given up. */
  readonly onSettled?: (() => void) | undefined;
  /** Told then, too; but it is nothing to hurry for. */
  readonly trace?: AttemptTrace | undefined;
  /** It was brought before, while a row that it needs was locked. What it says of its lane and its endpoint has been noted. */
  readonly wasPutOff?: boolean | undefined;
}

/** A webhook that was ours to record, or a lane and what is to be said of it. */
interface RecordedRow extends SettledRow {
  readonly lane: string | null;
  readonly lane_is: LaneIs | null;
}

/**
 * The breaker was open and is closed now; ordered, and held until a retry; the row of the rule, or of the breaker, is locked by
 * somebody else, so that nothing was written of what needs it.
 */
type LaneIs = 'closed' | 'held' | 'rule_locked' | 'breaker_locked';

const recordSql = sqlFile('record');
/** As record.sql knows them. */
export const becameCodes = { retry: 0, delivered: 1, failed: 2 } as const;

/** Records results, and that lanes are alive. */
export function recordAttempts(
  pool: Pool,
  batch: readonly AttemptRecord[],
  { alive, startedMs }: { alive: readonly string[]; startedMs: number },
): Promise<RecordedRow[]> {
  return runSql<RecordedRow>(pool, {
    sql: recordSql,
    values: [
      plainArray(batch.map((record) => record.webhookId)),
      plainArray(batch.map((record) => record.number)),
      plainArray(batch.map((record) => becameCodes[record.became])),
      plainArray(batch.map((record) => record.statusCode)),
      plainArray(batch.map((record) => record.error)),
      batch.map((record) => record.errorMessage),
      batch.map((record) => record.responseBody),
      plainArray(batch.map((record) => record.responseTruncated)),
      plainArray(batch.map((record) => record.durationMs)),
      plainArray(batch.map((record) => startedMs - record.endedAtMs)),
      plainArray(batch.map((record) => (record.retryInMs ?? 0) / 1_000)),
      plainArray(batch.map((record) => record.reason)),
      plainArray(batch.map((record) => (record.counts ? 0 : 1))),
      plainArray(batch.map((record) => record.leasedBy)),
      plainArray(alive),
      plainArray([
        ...new Set(
          batch.flatMap(({ became, laneResult, wasPutOff }) =>
            became === 'retry' || wasPutOff === true ? [laneResult.lane] : [],
          ),
        ),
      ]),
    ],
  });
}

/** Of the answer, the lanes of which this is said. */
export function lanesThatAre(what: LaneIs, rows: readonly RecordedRow[]): string[] {
  return rows.flatMap(({ lane, lane_is: is }) => (lane !== null && is === what ? [lane] : []));
}
