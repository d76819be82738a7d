import type { Pool } from 'pg';
import { plainArray } from '../db/plain-array.ts';
import { runSql, type SqlValues, sqlFile } from '../db/sql-file.ts';
import type { EndedAttempt } from '../domain/attempt.ts';
import { statusCodeOf } from '../domain/attempt-result.ts';
import { hasAnswered, type LaneResult } from '../domain/breaker.ts';
import { responseText } from '../domain/response-text.ts';
import type { SettledRow } from './late-results.ts';
import type { AttemptTrace } from './tracing.ts';

/*
 * The statement that records results, sql/record.sql, with its arguments and its answer.
 */

/** An attempt that has ended, on its way to Postgres. */
export interface AttemptRecord extends EndedAttempt {
  /** performance.now() when the attempt ended. */
  readonly endedAtMs: number;
  /** Called when the result is in Postgres, or given up. */
  readonly onSettled?: (() => void) | undefined;
  /** Somebody waits for that, so it must not wait for other results. */
  readonly isAwaited?: boolean | undefined;
  /** Of an ordered lane: not written before, nor at the same time as, the lane's results that were added earlier. */
  readonly isInOrder?: boolean | undefined;
  /** Told then, too, but the recorder does not hurry for it. */
  readonly trace?: AttemptTrace | undefined;
  /**
   * The recorder has tried to write it before, while a row that it needs was locked. What it says about its lane and its endpoint
   * has been counted.
   */
  readonly wasPutOff?: boolean | undefined;
  /** Postgres has refused it with what the receiver said. It is recorded without that. */
  readonly withoutAnswer?: boolean | undefined;
}

/** A webhook that was ours to record, or a lane and what is to be said of it. */
export interface RecordedRow extends SettledRow {
  readonly lane: string | null;
  readonly lane_is: LaneIs | null;
}

/**
 * 'closed': its breaker was open. 'origin_closed': it is an origin, and its breaker was open. 'held': it is ordered and waits for a retry. 'rule_locked', 'breaker_locked': another session has
 * locked the row of the rule or of the breaker, and nothing that needs it was written.
 */
type LaneIs = 'closed' | 'origin_closed' | 'held' | 'rule_locked' | 'breaker_locked';

const recordSql = sqlFile('record');
/** As record.sql knows them. */
export const becameCodes = { retry: 0, delivered: 1, failed: 2 } as const;

/** Records results, and that lanes and origins are alive. */
export function recordAttempts(
  pool: Pool,
  batch: readonly AttemptRecord[],
  { alive, startedMs }: { alive: readonly string[]; startedMs: number },
): Promise<RecordedRow[]> {
  return runSql<RecordedRow>(pool, recordSql, {
    ...columnsOf(batch, startedMs),
    aliveKeys: plainArray(alive),
    neededLanes: plainArray(lanesNeededBy(batch)),
  });
}

/** Of the answer, the lanes of which this is said. */
export function lanesThatAre(what: LaneIs, rows: readonly RecordedRow[]): string[] {
  return rows.flatMap(({ lane, lane_is: is }) => (lane !== null && is === what ? [lane] : []));
}

/** What an attempt says about its lane. */
export function laneResultOf({ webhook, result, verdict }: AttemptRecord): LaneResult {
  const { lane, groups, url, isProbe, webhookId, number } = webhook;
  return {
    ...{ lane, origin: groups.origin, url, verdict, answered: hasAnswered(result, verdict) },
    probe: isProbe ? { webhookId, number } : undefined,
  };
}

/** Why an attempt failed; null if it did not. */
export function errorOf({ verdict }: EndedAttempt): string | null {
  return verdict.kind === 'delivered' ? null : verdict.reason;
}

/**
 * The columns of results. They stay arrays: as one jsonb, Postgres would parse and look up each value of each result, and the
 * places in the arrays are what makes the statement fast.
 */
function columnsOf(batch: readonly AttemptRecord[], startedMs: number): SqlValues {
  const answers = batch.map(answerOf);
  const plain = (value: (record: AttemptRecord) => string | number | null) =>
    plainArray(batch.map(value));
  return {
    webhookIds: plain(({ webhook }) => webhook.webhookId),
    numbers: plain(({ webhook }) => webhook.number),
    workerNumbers: plain(({ webhook }) => webhook.leasedBy),
    became: plain(({ decision }) => becameCodes[decision.became]),
    reasons: plain(({ decision }) => (decision.became === 'failed' ? decision.reason : null)),
    retryInS: plain(({ decision }) => (decision.became === 'retry' ? decision.inMs / 1_000 : 0)),
    uncounted: plain(({ decision }) => (decision.became === 'retry' && !decision.counts ? 1 : 0)),
    statusCodes: plain(({ result }) => statusCodeOf(result)),
    errors: plain(errorOf),
    // Text that others wrote: pg escapes it.
    errorMessages: answers.map(({ message }) => message),
    responseBodies: answers.map(({ text }) => text),
    areTruncated: plainArray(answers.map(({ truncated }) => truncated)),
    durationsMs: plain(({ result }) => result.durationMs),
    endedAgoMs: plain(({ endedAtMs }) => startedMs - endedAtMs),
  };
}

interface Answer {
  readonly message: string | null;
  readonly text: string | null;
  readonly truncated: boolean | null;
}

const noAnswer: Answer = { message: null, text: null, truncated: null };

/** What the receiver said, or what kept us from hearing it. */
function answerOf({ result, withoutAnswer }: AttemptRecord): Answer {
  if (result.kind === 'response') {
    const { text, truncated } = responseText(result);
    return { message: null, text: withoutAnswer === true ? null : text, truncated };
  }
  return withoutAnswer === true ? noAnswer : { ...noAnswer, message: result.message };
}

/** The lanes whose rules decide about these results. */
function lanesNeededBy(batch: readonly AttemptRecord[]): string[] {
  const lanes = new Set<string>();
  for (const { webhook, decision, wasPutOff } of batch) {
    if (decision.became === 'retry' || wasPutOff === true) lanes.add(webhook.lane);
  }
  return [...lanes];
}
