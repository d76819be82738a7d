// Pure: no I/O, no clock, no randomness.

/** A look at the database: its time, the oldest transaction id that may be running, and the next that will be given. */
export interface Sighting {
  readonly nowMs: number;
  readonly xmin: number;
  readonly nextXid: number;
}

/**
 * The next transaction id that will be given, in 64 bits.
 *
 * A snapshot's xmax is not it: that is one past the latest id that has *ended*, and transactions with greater ids may be
 * running. What Postgres does tell without giving one away is the age of an id, which counts from the next one, modulo
 * 2^32; the snapshot's xmax tells the upper half.
 *
 * @param ageOfThree what age('3'::xid) says: 3 is the first normal id, so its age is always defined.
 */
export function nextXidOf({ ageOfThree, xmax }: { ageOfThree: number; xmax: number }): number {
  return xmax + modulo(ageOfThree + 3 - xmax, 2 ** 32);
}

/**
 * From when on a row could still appear that was not seen yet.
 *
 * A webhook is due from the moment of its INSERT, but seen only when its transaction commits, which may be later than
 * the next look. A transaction that was not over at a look has an id of at least that look's xmin. If that is at least
 * the next id that an earlier look was told, then the transaction had no id at that earlier look, and so had inserted
 * nothing: its rows are due after it. The next window starts at the latest look for which this holds.
 */
export class Visibility {
  readonly #looks: Sighting[] = [];
  readonly #limitMs: number;

  /** `limitMs`: how far back a window may start; what commits later than that is left to the scan of all lanes. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Remembers a look and returns the time, ms, from which the next one has to search. */
  windowAfter(look: Sighting): number {
    // The clock was set back: what was noted by the old one would hide what is due by the new one.
    if (look.nowMs < (this.#looks.at(-1)?.nowMs ?? 0)) this.#looks.length = 0;
    const last = this.#looks.at(-1);
    // A look every 20 ms is fine enough, and bounds what is kept.
    if (last === undefined || look.nowMs - last.nowMs >= 20) this.#looks.push(look);
    while ((this.#looks[0]?.nowMs ?? look.nowMs) < look.nowMs - this.#limitMs) this.#looks.shift();
    const before = this.#looks.findLast((earlier) => earlier.nextXid <= look.xmin);
    return before?.nowMs ?? look.nowMs - this.#limitMs;
  }
}

function modulo(value: number, size: number): number {
  return ((value % size) + size) % size;
}
