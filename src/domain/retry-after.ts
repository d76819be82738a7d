// Pure: no I/O, no clock, no randomness.

/** The longest wait that a receiver can ask for. */
export const maxRetryAfterMs = 24 * 60 * 60 * 1_000;

/**
 * The wait that a Retry-After header asks for, ms from `now`, at most {@link maxRetryAfterMs}.
 *
 * RFC 9110 §10.2.3: whole seconds, or an IMF-fixdate. A date that has passed is 0. Anything else (fractions, negative
 * numbers, the two obsolete date formats) is undefined: the schedule decides.
 */
export function retryAfterMs(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1_000, maxRetryAfterMs);
  const at = Date.parse(value);
  // toUTCString prints an IMF-fixdate, so only a valid one survives the round trip.
  if (Number.isNaN(at) || new Date(at).toUTCString() !== value) return undefined;
  return Math.min(Math.max(at - now.getTime(), 0), maxRetryAfterMs);
}
