// Pure: no I/O, no clock, no randomness.

import type { StrainLevel } from './strain.ts';

/**
 * How many requests a lane may have in flight: one more with each success, half after a failure that says "too much".
 * TCP uses the same rule for its window, for the same reason: the receiver's limit is not known.
 */
export interface LaneSlots {
  readonly slots: number;
  /** Counts halvings. A request remembers the one it began in, so that failures of one burst halve once, not each. */
  readonly epoch: number;
}

/** The slots of a new lane: enough for a small endpoint, few enough for one that hangs. */
export const initialSlots = 8;

/** Adds a slot after a success. A lane that does not use its slots does not earn more. */
export function grow(
  lane: LaneSlots,
  { inFlight, maxSlots }: { inFlight: number; maxSlots: number },
): LaneSlots {
  if (lane.slots >= maxSlots || inFlight * 2 < lane.slots) return lane;
  return { slots: lane.slots + 1, epoch: lane.epoch };
}

/** Halves the slots after a timeout, a 5xx or a 429 of a request that began in `epoch`. */
export function halve(lane: LaneSlots, epoch: number): LaneSlots {
  if (epoch !== lane.epoch) return lane;
  return { slots: Math.max(1, Math.floor(lane.slots / 2)), epoch: lane.epoch + 1 };
}

/** Takes slots away, down to `least`, while the process is busy and the lane works off a backlog. */
export function ease(lane: LaneSlots, least: number): LaneSlots {
  if (lane.slots <= least) return lane;
  return { slots: Math.max(least, Math.floor(lane.slots * 0.75)), epoch: lane.epoch };
}

/**
 * Whether an answer may add a slot. While there is something that has just arrived, what works off a backlog grows by one slot a
 * round; while it has to wait, not at all.
 */
export function mayGrow(
  { isBehind, grewIn }: { readonly isBehind: boolean; readonly grewIn: number },
  { strain, round }: { readonly strain: StrainLevel; readonly round: number },
): boolean {
  return !isBehind || strain === 'none' || (strain === 'shared' && grewIn !== round);
}

const firstRestMs = 125;
const maxRestMs = 2_000;

/**
 * How long a lane rests that fails with its last slot, in ms. Without the rest, a receiver that refuses at once would
 * be asked hundreds of times a second until its breaker opens, and each webhook would lose an attempt. `failures`
 * counts those in a row, from 1.
 */
export function restMs(failures: number): number {
  return Math.min(firstRestMs * 2 ** Math.min(failures - 1, 10), maxRestMs);
}
