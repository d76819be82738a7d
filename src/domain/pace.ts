// Pure: no I/O, no clock, no randomness.

/**
 * A rate limit that spreads requests evenly (GCRA): one every 1/rate seconds, or, after a pause, up to a tenth of a
 * second's worth at once. So in any second at most 1.1 × rate + 1 requests begin. Times are ms of any one clock.
 */
export interface Pace {
  readonly intervalMs: number;
  /** How many may go at once after a pause. */
  readonly burst: number;
  /** When the next request would be due if all were evenly spaced. */
  readonly nextMs: number;
}

/** A new pace, with nothing used. */
export function createPace(ratePerS: number): Pace {
  const burst = Math.max(1, Math.floor(ratePerS / 10));
  return { intervalMs: 1_000 / ratePerS, burst, nextMs: Number.NEGATIVE_INFINITY };
}

/** The same pace, fully used: the first request may go at `fromMs`. */
export function usedUp(pace: Pace, fromMs: number): Pace {
  return { ...pace, nextMs: fromMs + slackMs(pace) };
}

/** How many requests may begin now. */
export function allowedBy(pace: Pace, nowMs: number): number {
  const ahead = Math.max(pace.nextMs, nowMs) - nowMs;
  // A thousandth of an interval allows for rounding in sums of fractions.
  const turns = Math.floor((slackMs(pace) - ahead) / pace.intervalMs + 0.001) + 1;
  return Math.max(0, turns);
}

/** The pace after a request that begins now. */
export function spend(pace: Pace, nowMs: number): Pace {
  return { ...pace, nextMs: Math.max(pace.nextMs, nowMs) + pace.intervalMs };
}

/** The time from which a request may begin. */
export function readyAtMs(pace: Pace): number {
  return pace.nextMs - slackMs(pace);
}

function slackMs({ burst, intervalMs }: Pace): number {
  return (burst - 1) * intervalMs;
}
