// Pure: no I/O, no clock, no randomness.

/** A look at the database: its time, and the oldest and the next transaction id of its snapshot. */
export interface Sighting {
  readonly nowMs: number;
  readonly xmin: number;
  readonly xmax: number;
}

/**
 * From when on a row could still appear that was not seen yet.
 *
 * A webhook is due from the moment of its INSERT, but seen only when its transaction commits, which may be later than
 * the next look. A transaction that was still running at a look has an id of at least that look's xmin. If an earlier
 * look had an xmax no greater than that, the id did not exist at that look, and so neither did the row: it is due
 * after it. The next window therefore starts at the latest look for which this holds.
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
    const last = this.#looks.at(-1);
    // A look every 20 ms is fine enough, and bounds what is kept.
    if (last === undefined || look.nowMs - last.nowMs >= 20) this.#looks.push(look);
    while ((this.#looks[0]?.nowMs ?? look.nowMs) < look.nowMs - this.#limitMs) this.#looks.shift();
    const before = this.#looks.findLast((earlier) => earlier.xmax <= look.xmin);
    return before?.nowMs ?? look.nowMs - this.#limitMs;
  }
}
