// Pure: no I/O, no clock, no randomness.

/** One claimed webhook in ten comes from a lower priority than the best one waiting, so that low is never starved. */
const turnsPerReserved = 10;

/** Counts claimed webhooks, and decides which turns are reserved for lower priorities. */
export class ReservedTurns {
  #turns = 0;
  #reserved = 0;

  /** How many of the next `room` turns are reserved. */
  dueIn(room: number): number {
    return Math.floor((this.#turns + room) / turnsPerReserved);
  }

  /**
   * The priorities that get the reserved turn `turn` steps ahead, best first: low and normal alternate, so that neither
   * takes the other's turns.
   */
  orderOf(turn: number): readonly number[] {
    return (this.#reserved + turn) % 2 === 0 ? [2, 1] : [1, 2];
  }

  count(claimed: number): void {
    this.#turns += claimed;
    this.#reserved += Math.floor(this.#turns / turnsPerReserved);
    this.#turns %= turnsPerReserved;
  }
}
