// Pure: no I/O, no clock, no randomness.

/** One claimed webhook in ten goes to a lesser priority than the best that waits, so that low is never starved. */
const turnsPerReserved = 10;

/** Counts the turns of claimed webhooks, and which of them are reserved for lesser priorities. */
export class ReservedTurns {
  #turns = 0;
  #reserved = 0;

  /** How many of the next `room` turns are reserved. */
  dueIn(room: number): number {
    return Math.floor((this.#turns + room) / turnsPerReserved);
  }

  /** Which priorities have the reserved turn so many after the next: in turn low and normal first, so that neither takes the other's. */
  orderOf(turn: number): readonly number[] {
    return (this.#reserved + turn) % 2 === 0 ? [2, 1] : [1, 2];
  }

  count(claimed: number): void {
    this.#turns += claimed;
    this.#reserved += Math.floor(this.#turns / turnsPerReserved);
    this.#turns %= turnsPerReserved;
  }
}
