// Pure: no I/O, no clock, no randomness.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Of the values that are known; undefined when none is. */
export function spreadOf(values: readonly (number | undefined)[]): Spread | undefined {
  const known = values
    .filter((value) => value !== undefined && !Number.isNaN(value))
    .map(Number)
    .sort((a, b) => a - b);
  const [min] = known;
  const max = known.at(-1);
  if (min === undefined || max === undefined) return undefined;
  const upper = known[Math.floor(known.length / 2)] ?? max;
  const lower = known[Math.floor((known.length - 1) / 2)] ?? min;
  return { median: (upper + lower) / 2, min, max };
}

/**
 * Jain's index of how equal shares are: 1 if all are the same, 1/n if one of n has everything. NaN when nobody has
 * anything.
 */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return (sum * sum) / (shares.length * squares);
}

/** The value that this share of the sorted values does not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
