// Pure: no I/O, no clock, no randomness.

import type { Verdict } from './classify.ts';
import { allowedBy, createPace, type Pace, readyAtMs, spend, usedUp } from './pace.ts';

/**
 * Estimates how many requests a second a receiver accepts, once it has refused some as too many.
 *
 * The rate begins at one a second and about doubles each second until the receiver refuses again: that is the rate it
 * does not accept (`refusedAtPerS`). From then on the rate falls by a tenth with a refusal, or more if the next one
 * comes soon. It grows slowly near the refused rate and faster far from it. Each refusal costs a pause, so refusals
 * must be rare. TCP's CUBIC does the same with its window. Times are ms of any one clock.
 */
export interface Throttle {
  readonly ratePerS: number;
  /** Undefined until a rate that was found by growing was refused. */
  readonly refusedAtPerS: number | undefined;
  /** When the pause after the last refusal is over. */
  readonly resumedAtMs: number;
  /** Whether there was a success since the last refusal. */
  readonly hasSucceeded: boolean;
  /** Whether the last request went as soon as the rate allowed it. A rate that is not used does not grow. */
  readonly isUsed: boolean;
  readonly pace: Pace;
}

const firstPerS = 1;
const minPerS = 0.01;
/** A receiver that accepts this many is not throttled. */
const enoughPerS = 1_000;
/** A rate that is refused this soon after a pause is far from what the receiver accepts. */
const soonMs = 10_000;
/**
 * Longer pauses are left to the row of the breaker, which all workers read: an operator may end the pause there, and
 * the scan of all lanes then finds the lane.
 */
const maxPauseMs = 5_000;

/** What a "too many requests" answer asks for; undefined: it is not such an answer. */
export function refusalOf(verdict: Verdict): { readonly pauseMs: number } | undefined {
  if (verdict.kind !== 'retry') return undefined;
  const { reason, notBeforeMs } = verdict;
  if (notBeforeMs !== undefined) return { pauseMs: notBeforeMs };
  return reason === 'http_429' ? { pauseMs: 0 } : undefined;
}

/**
 * After a refusal: sending goes on at the lower rate with one request, when the pause is over and not before one
 * interval has passed.
 */
export function refused(
  known: Throttle | undefined,
  { nowMs, pauseMs }: { nowMs: number; pauseMs: number },
): Throttle {
  const ratePerS = known === undefined ? firstPerS : Math.max(minPerS, lowered(known, nowMs));
  const pace = createPace(ratePerS);
  const resumedAtMs = nowMs + Math.max(pauseMs, pace.intervalMs);
  return {
    ratePerS,
    refusedAtPerS: known?.ratePerS,
    resumedAtMs,
    hasSucceeded: false,
    isUsed: false,
    pace: usedUp(pace, Math.min(resumedAtMs, nowMs + Math.max(maxPauseMs, pace.intervalMs))),
  };
}

/** Stops requests for a while. */
export function paused(
  throttle: Throttle,
  { nowMs, pauseMs }: { nowMs: number; pauseMs: number },
): Throttle {
  const untilMs = nowMs + Math.min(pauseMs, maxPauseMs);
  return { ...throttle, pace: usedUp(throttle.pace, Math.max(untilMs, readyAtMs(throttle.pace))) };
}

/** Raises the rate after a success; undefined: the receiver accepts so many that no limit is needed. */
export function succeeded(throttle: Throttle): Throttle | undefined {
  if (!throttle.isUsed) return { ...throttle, hasSucceeded: true };
  const ratePerS = throttle.ratePerS + gain(throttle);
  if (ratePerS >= enoughPerS) return undefined;
  const pace = { ...createPace(ratePerS), nextMs: throttle.pace.nextMs };
  return { ...throttle, ratePerS, hasSucceeded: true, pace };
}

/** Counts a request that begins. */
export function begun(throttle: Throttle, nowMs: number): Throttle {
  const { pace } = throttle;
  return {
    ...throttle,
    isUsed: nowMs <= pace.nextMs + pace.intervalMs,
    pace: spend(pace, nowMs),
  };
}

/** How many requests may begin now. */
export function roomOf(throttle: Throttle, nowMs: number): number {
  return allowedBy(throttle.pace, nowMs);
}

/** The time from which a request may begin. */
export function readyAt(throttle: Throttle): number {
  return readyAtMs(throttle.pace);
}

function lowered({ ratePerS, hasSucceeded, refusedAtPerS, resumedAtMs }: Throttle, nowMs: number) {
  if (!hasSucceeded || refusedAtPerS === undefined) return ratePerS * 0.5;
  return ratePerS * (nowMs - resumedAtMs < soonMs ? 0.75 : 0.9);
}

/**
 * By how many requests a second one success raises the rate. At any rate, a second of successes raises it by this
 * share.
 */
function gain({ ratePerS, refusedAtPerS }: Throttle): number {
  if (refusedAtPerS === undefined) return Math.min(1, ratePerS);
  const share = ratePerS / refusedAtPerS;
  if (share > 1.15) return Math.min(0.1, 0.1 * ratePerS);
  return share < 0.85 ? Math.min(0.03, 0.1 * ratePerS) : Math.min(0.002, 0.05 * ratePerS);
}
