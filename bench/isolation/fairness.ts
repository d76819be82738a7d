// Pure: no I/O, no clock, no randomness.

import { jainIndex, type Spread, spreadOf } from '../statistics.ts';
import type { Turns } from './load-receiver.ts';

/** How equally tenants were served while each of them had a backlog. */
export interface Fairness {
  /** Jain's index of the webhooks that each tenant got in the window. */
  readonly index: number;
  /** How long each of them had a backlog. */
  readonly windowMs: number;
  readonly perTenant: Spread | undefined;
}

/** The window goes from the first webhook to the one with which the first tenant has all of its. */
export function fairnessOf({ tenants, times }: Turns, sizes: readonly number[]): Fairness {
  const served = sizes.map(() => 0);
  let end = 0;
  for (const tenant of tenants) {
    const at = tenant - 1;
    const count = (served[at] ?? 0) + 1;
    served[at] = count;
    end += 1;
    if (count === sizes[at]) break;
  }
  return {
    index: jainIndex(served),
    windowMs: (times[end - 1] ?? Number.NaN) - (times[0] ?? Number.NaN),
    perTenant: spreadOf(served),
  };
}
