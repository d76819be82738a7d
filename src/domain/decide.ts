// Pure: no I/O, no clock, no randomness.

import type { Verdict } from './classify.ts';
import { retryDelayMs } from './retry-schedule.ts';

/** What happens to a webhook after an attempt. */
export type Decision =
  | { readonly became: 'delivered' }
  | { readonly became: 'failed'; readonly reason: string }
  | { readonly became: 'retry'; readonly inMs: number; readonly counts: boolean };

interface DecisionInput {
  readonly verdict: Verdict;
  /** The number of this attempt, 1 for the first. */
  readonly number: number;
  /** Attempts before this one that do not count. */
  readonly uncounted: number;
  /** Attempts before the webhook was put back into the queue: the schedule starts again from the beginning. */
  readonly pastAttempts: number;
  readonly maxAttempts: number | null;
  readonly scheduleMs: readonly number[];
  /** Time since its first attempt, or since the first after it was put back. */
  readonly triedForMs: number;
  /** In [0, 1). */
  readonly random: number;
}

/** Trouble on our side (no file descriptor, no network): retry after 5 to 60 s, and do not count the attempt. */
const localTroubleMs = 5_000;
const localTroubleSpreadMs = 55_000;
/**
 * A limit for trouble on our side: after hours of it an operator must look, and a webhook must not be retried for ever.
 */
const maxUncounted = 1_000;

/**
 * How long a receiver may ask a webhook to come again later (429 or 503 with Retry-After) without using up its
 * attempts: as long as all the retries of the schedule take, and at least a day. After that, such an answer fails the
 * webhook.
 */
export function refusalPatienceMs(scheduleMs: readonly number[]): number {
  return Math.max(
    dayMs,
    scheduleMs.reduce((sum, delayMs) => sum + delayMs, 0),
  );
}

const dayMs = 86_400_000;
/**
 * The shortest waits between refusals: 1 s, 2 s, 4 s … 15 min. Otherwise a receiver that sends "Retry-After: 1" for
 * days would use up more attempt numbers than there are.
 */
const firstAgainMs = 1_000;
const maxAgainMs = 900_000;

/** Decides what happens to a webhook after an attempt. */
export function decide(input: DecisionInput): Decision {
  const { verdict, random } = input;
  switch (verdict.kind) {
    case 'delivered':
      return { became: 'delivered' };
    case 'fail':
      return { became: 'failed', reason: verdict.reason };
    case 'repeat': {
      if (input.uncounted >= maxUncounted) return { became: 'failed', reason: verdict.reason };
      return { became: 'retry', inMs: repeatInMs(verdict, random), counts: false };
    }
    case 'retry': {
      if (verdict.notBeforeMs !== undefined) {
        if (input.triedForMs > refusalPatienceMs(input.scheduleMs)) {
          return { became: 'failed', reason: verdict.reason };
        }
        const againMs = Math.min(firstAgainMs * 2 ** Math.min(input.uncounted, 20), maxAgainMs);
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
