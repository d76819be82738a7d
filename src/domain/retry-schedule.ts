// Pure: no I/O, no clock, no randomness.

/** The facts that decide whether and when a webhook is tried again. */
export interface RetryQuestion {
  /** Delay before each retry, ms. The last one repeats when a webhook asks for more attempts than there are delays. */
  readonly scheduleMs: readonly number[];
  /** The webhook's own limit; null: one attempt more than there are delays. */
  readonly maxAttempts: number | null;
  /** Attempts that count, this one included: 1 after the first try. */
  readonly counted: number;
  /** In [0, 1). */
  readonly random: number;
}

/**
 * The delay until the next attempt, in ms after the end of this one, or undefined when this was the last.
 *
 * Jitter only adds, up to 10 %: a schedule is a promise of "not before", and endpoints that failed together should not
 * be tried together.
 */
export function retryDelayMs(question: RetryQuestion): number | undefined {
  const { scheduleMs, counted } = question;
  const limit = question.maxAttempts ?? scheduleMs.length + 1;
  if (counted >= limit) return undefined;
  const base = scheduleMs[Math.min(counted, scheduleMs.length) - 1] ?? 0;
  return base * (1 + question.random * 0.1);
}
