// Pure: no I/O, no clock, no randomness.

/**
 * One reading of the database: its time, the oldest transaction id that may be running, and the next id to be assigned.
 */
export interface Sighting {
  readonly nowMs: number;
  readonly xmin: number;
  readonly nextXid: number;
}

/**
 * The next transaction id that will be assigned, in 64 bits.
 *
 * A snapshot's xmax is not it: that is one past the latest id that has *ended*, and transactions with greater ids may
 * be running. Postgres does not report the next id without assigning one, but it reports the age of an id, which counts
 * from the next one modulo 2^32. The snapshot's xmax gives the upper half.
 *
 * @param ageOfThree the result of age('3'::xid): 3 is the first normal id, so its age is always defined.
 */
export function nextXidOf({ ageOfThree, xmax }: { ageOfThree: number; xmax: number }): number {
  return xmax + modulo(ageOfThree + 3 - xmax, 2 ** 32);
}

/**
 * Finds the time from which rows may still appear that were not seen yet.
 *
 * A webhook is due from the moment of its INSERT, but it is visible only after its transaction commits, which may be
 * later than the next look. A transaction that was still running at a look has an id of at least that look's xmin. If
 * this xmin is at least the next id of an earlier look, the transaction had no id at that earlier look and had inserted
 * nothing: its rows are due after that look. The next window starts at the latest look for which this holds.
 */
export class Visibility {
  readonly #looks: Sighting[] = [];
  readonly #limitMs: number;

  /**
   * `limitMs`: how far back a window may start. Webhooks that commit later than that are found by the scan of all
   * lanes.
   */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Remembers a look and returns the time (ms) from which the next one must search. */
  windowAfter(look: Sighting): number {
    // The clock was set back. Looks by the old clock would hide webhooks that are due by the new one.
    if (look.nowMs < (this.#looks.at(-1)?.nowMs ?? 0)) this.#looks.length = 0;
    const last = this.#looks.at(-1);
    // One look every 20 ms is enough, and it bounds the memory.
    if (last === undefined || look.nowMs - last.nowMs >= 20) this.#looks.push(look);
    while ((this.#looks[0]?.nowMs ?? look.nowMs) < look.nowMs - this.#limitMs) this.#looks.shift();
    const before = this.#looks.findLast((earlier) => earlier.nextXid <= look.xmin);
    return before?.nowMs ?? look.nowMs - this.#limitMs;
  }
}

function modulo(value: number, size: number): number {
  return ((value % size) + size) % size;
}
