// Pure: no I/O, no clock, no randomness.

import { Random } from '../harness/random.ts';

/**
 * Endpoints of so many webhooks as traffic is skewed in life (Zipf, exponent 1): the nth endpoint gets 1/n of what the
 * first gets. Drawn by a generator with a fixed seed, so that every run and every round has the same.
 */
export function zipfEndpoints(shape: { webhooks: number; endpoints: number }): number[] {
  const upTo: number[] = [];
  let total = 0;
  for (let rank = 1; rank <= shape.endpoints; rank += 1) {
    total += 1 / rank;
    upTo.push(total);
  }
  const random = new Random(20_260_101);
  return Array.from({ length: shape.webhooks }, () => firstAtLeast(upTo, random.next() * total));
}

/** The index of the first value that is not less. */
function firstAtLeast(sorted: readonly number[], wanted: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
