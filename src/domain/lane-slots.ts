// Pure: no I/O, no clock, no randomness.

/**
 * How many requests a lane may have in flight: one more with each success, half after a failure that says "too much".
 * The same rule that TCP uses for its window, for the same reason: nobody knows what a receiver can take.
 */
export interface LaneSlots {
  readonly slots: number;
  /** Counts halvings. A request remembers the one it began in, so that failures of one burst halve once, not each. */
  readonly epoch: number;
}

/** What a new lane begins with: enough for a small endpoint, little enough for a hanging one. */
export const initialSlots = 8;

/** After a success. A lane that does not use its slots does not earn more. */
export function grow(
  lane: LaneSlots,
  { inFlight, maxSlots }: { inFlight: number; maxSlots: number },
): LaneSlots {
  if (lane.slots >= maxSlots || inFlight * 2 < lane.slots) return lane;
  return { slots: lane.slots + 1, epoch: lane.epoch };
}

/** After a timeout, a 5xx or a 429 of a request that began in `epoch`. */
export function halve(lane: LaneSlots, epoch: number): LaneSlots {
  if (epoch !== lane.epoch) return lane;
  return { slots: Math.max(1, Math.floor(lane.slots / 2)), epoch: lane.epoch + 1 };
}

/** While the process is busy and the lane works off a backlog: what it has more than a new lane goes, bit by bit. */
export function ease(lane: LaneSlots): LaneSlots {
  if (lane.slots <= initialSlots) return lane;
  return { slots: Math.max(initialSlots, Math.floor(lane.slots * 0.75)), epoch: lane.epoch };
}

const firstRestMs = 125;
const mostRestMs = 2_000;

/**
 * How long a lane that fails with its last slot is left alone, ms: a receiver that refuses at once would else be asked
 * hundreds of times a second until its breaker opens, and each webhook would lose an attempt. `failures` in a row, from 1.
 */
export function restMs(failures: number): number {
  return Math.min(firstRestMs * 2 ** Math.min(failures - 1, 10), mostRestMs);
}
