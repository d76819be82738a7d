// Pure: no I/O, no clock, no randomness.

import type { Verdict } from './classify.ts';
import { allowedBy, createPace, type Pace, readyAtMs, spend, usedUp } from './pace.ts';

/**
 * How many requests a second a receiver takes that has refused some of them as too many, as far as its answers show.
 *
 * It begins with one a second and about doubles each second until the receiver refuses again: that shows the rate it does not
 * take (`refusedAtPerS`). From then on the rate falls by a tenth with a refusal, or more if it is refused again soon, and
 * grows slowly while it is near the refused rate and faster while it is far from it: each refusal costs a pause, so they must
 * be rare. TCP's CUBIC does the same with its window. Times are ms of any one clock.
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
const leastPerS = 0.01;
/** A receiver that takes so many is not throttled. */
const enoughPerS = 1_000;
/** A rate that is refused again so soon after a pause is far from what the receiver takes. */
const soonMs = 10_000;
/**
 * Longer pauses are left to the row of the breaker, which all workers read: somebody may end it there, and the scan of all
 * lanes finds the lane then.
 */
const mostPauseMs = 5_000;

/** What an answer that says "too many requests" asks for; undefined if it is none. */
export function refusalOf(verdict: Verdict): { readonly pauseMs: number } | undefined {
  if (verdict.kind !== 'retry') return undefined;
  const { reason, notBeforeMs } = verdict;
  if (notBeforeMs !== undefined) return { pauseMs: notBeforeMs };
  return reason === 'http_429' ? { pauseMs: 0 } : undefined;
}

/** After a refusal: when the pause is over, and not before one turn, it goes on with one request at the lower rate. */
export function refused(
  known: Throttle | undefined,
  { nowMs, pauseMs }: { nowMs: number; pauseMs: number },
): Throttle {
  const ratePerS = known === undefined ? firstPerS : Math.max(leastPerS, lowered(known, nowMs));
  const pace = createPace(ratePerS);
  const resumedAtMs = nowMs + Math.max(pauseMs, pace.intervalMs);
  return {
    ratePerS,
    refusedAtPerS: known?.ratePerS,
    resumedAtMs,
    hasSucceeded: false,
    isUsed: false,
    pace: usedUp(pace, Math.min(resumedAtMs, nowMs + Math.max(mostPauseMs, pace.intervalMs))),
  };
}

/** No request for a while. */
export function paused(
  throttle: Throttle,
  { nowMs, pauseMs }: { nowMs: number; pauseMs: number },
): Throttle {
  const untilMs = nowMs + Math.min(pauseMs, mostPauseMs);
  return { ...throttle, pace: usedUp(throttle.pace, Math.max(untilMs, readyAtMs(throttle.pace))) };
}

/** After a success; undefined when the receiver takes so many that it need not be throttled. */
export function succeeded(throttle: Throttle): Throttle | undefined {
  if (!throttle.isUsed) return { ...throttle, hasSucceeded: true };
  const ratePerS = throttle.ratePerS + gain(throttle);
  if (ratePerS >= enoughPerS) return undefined;
  const pace = { ...createPace(ratePerS), nextMs: throttle.pace.nextMs };
  return { ...throttle, ratePerS, hasSucceeded: true, pace };
}

/** A request begins. */
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

/** From when on a request may begin. */
export function readyAt(throttle: Throttle): number {
  return readyAtMs(throttle.pace);
}

function lowered({ ratePerS, hasSucceeded, refusedAtPerS, resumedAtMs }: Throttle, nowMs: number) {
  if (!hasSucceeded || refusedAtPerS === undefined) return ratePerS * 0.5;
  return ratePerS * (nowMs - resumedAtMs < soonMs ? 0.75 : 0.9);
}

/** Requests a second more for one success; so at any rate the growth in a second is this share of the rate. */
function gain({ ratePerS, refusedAtPerS }: Throttle): number {
  if (refusedAtPerS === undefined) return Math.min(1, ratePerS);
  const share = ratePerS / refusedAtPerS;
  if (share > 1.15) return Math.min(0.1, 0.1 * ratePerS);
  return share < 0.85 ? Math.min(0.03, 0.1 * ratePerS) : Math.min(0.002, 0.05 * ratePerS);
}
