// Pure: no I/O, no clock, no randomness.

/** Enough requests in flight to keep a process busy when its receivers answer at once. */
const enough = 256;
const busyFrom = 0.95;
const idleBelow = 0.85;

/**
 * How many requests a process may have in flight: all that the setting allows while it waits for receivers, and no more
 * than it can work off while it is short of CPU itself.
 *
 * More would only wait in the process's own queues: they take memory, are sent again when it dies, and cannot be taken
 * by other workers that have time for them. With 512 in flight each, on two cores with three times the load that they
 * can carry, 200 kills caused 7.7 % of all webhooks to be sent twice.
 */
export class InFlightLimit {
  readonly #most: number;
  readonly #least: number;
  #limit: number;

  constructor({ most }: { readonly most: number }) {
    this.#most = most;
    this.#least = Math.min(most, enough);
    this.#limit = this.#least;
  }

  get limit(): number {
    return this.#limit;
  }

  /** @param utilization the share of the time since the last call in which the event loop was busy, 0 to 1. */
  note(utilization: number): void {
    if (utilization > busyFrom) {
      this.#limit = Math.max(this.#least, Math.floor(this.#limit * 0.8));
    } else if (utilization < idleBelow) {
      this.#limit = Math.min(this.#most, Math.ceil(this.#limit * 1.25));
    }
  }
}
