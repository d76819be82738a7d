// Pure: no I/O, no clock, no randomness.

import type { Verdict } from './classify.ts';
import { retryDelayMs } from './retry-schedule.ts';

/** What becomes of a webhook after an attempt. */
export type Decision =
  | { readonly became: 'delivered' }
  | { readonly became: 'failed'; readonly reason: string }
  | { readonly became: 'retry'; readonly inMs: number; readonly counts: boolean };

interface DecisionInput {
  readonly verdict: Verdict;
  /** Of this attempt, 1 for the first. */
  readonly number: number;
  /** Attempts before this one that do not count. */
  readonly uncounted: number;
  /** Attempts before it was put back into the queue: the schedule begins anew. */
  readonly pastAttempts: number;
  readonly maxAttempts: number | null;
  readonly scheduleMs: readonly number[];
  /** Since its first attempt, or the first since it was put back. */
  readonly triedForMs: number;
  /** In [0, 1). */
  readonly random: number;
}

/** Our own trouble (no file descriptor, no network): again after 5 to 60 s, and the attempt is not held against it. */
const localTroubleMs = 5_000;
const localTroubleSpreadMs = 55_000;
/** Hours of it in a row are no trouble but a state: somebody has to look, and a webhook must not circle for ever. */
const mostUncounted = 1_000;

/**
 * How long a receiver may ask a webhook to come again later (429 or 503 with Retry-After) without using up its attempts: as
 * long as all the retries of the schedule take, and at least a day. After that such an answer fails it for good.
 */
export function refusalPatienceMs(scheduleMs: readonly number[]): number {
  return Math.max(
    dayMs,
    scheduleMs.reduce((sum, delayMs) => sum + delayMs, 0),
  );
}

const dayMs = 86_400_000;
/**
 * Refused again and again, it comes again after 1 s, 2 s, 4 s … 15 min at the least: Retry-After: 1 for days would else be more
 * attempts than can be numbered.
 */
const firstAgainMs = 1_000;
const mostAgainMs = 900_000;

/** Turns what an attempt showed into what happens next. */
export function decide(input: DecisionInput): Decision {
  const { verdict, random } = input;
  switch (verdict.kind) {
    case 'delivered':
      return { became: 'delivered' };
    case 'fail':
      return { became: 'failed', reason: verdict.reason };
    case 'repeat': {
      if (input.uncounted >= mostUncounted) return { became: 'failed', reason: verdict.reason };
      return { became: 'retry', inMs: repeatInMs(verdict, random), counts: false };
    }
    case 'retry': {
      if (verdict.notBeforeMs !== undefined) {
        if (input.triedForMs > refusalPatienceMs(input.scheduleMs)) {
          return { became: 'failed', reason: verdict.reason };
        }
        const againMs = Math.min(firstAgainMs * 2 ** Math.min(input.uncounted, 20), mostAgainMs);
        const inMs = Math.max(verdict.notBeforeMs, againMs) * (1 + random * 0.1);
        return { became: 'retry', inMs, counts: false };
      }
      const inMs = retryDelayMs({
        scheduleMs: input.scheduleMs,
        maxAttempts: input.maxAttempts,
        counted: input.number - input.pastAttempts - input.uncounted,
        random,
      });
      if (inMs === undefined) return { became: 'failed', reason: verdict.reason };
      return { became: 'retry', inMs, counts: true };
    }
    default:
      return verdict satisfies never;
  }
}

function repeatInMs(verdict: Extract<Verdict, { kind: 'repeat' }>, random: number): number {
  if (verdict.pauseMs !== undefined) return verdict.pauseMs * (1 + random / 10);
  return verdict.reason === 'aborted' ? 0 : localTroubleMs + random * localTroubleSpreadMs;
}
