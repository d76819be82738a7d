// Pure: no I/O, no clock, no randomness.

/** So many are enough to keep a process busy whose receivers answer at once. */
const enough = 256;
const busyFrom = 0.95;
const idleBelow = 0.85;

/**
 * How many requests a process has in flight at most: as many as it is allowed while receivers are what it waits for, and
 * no more than it can work off while it is out of CPU itself.
 *
 * More would only wait in its own queues: they take memory, are sent again when it dies, and other workers that have the
 * time for them cannot take them. With 512 in flight each, on two cores that were asked for three times what they have,
 * 200 kills sent 7.7 % of all webhooks twice.
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

  /** @param utilization share of the time since the last note in which the event loop did not wait, 0 to 1. */
  note(utilization: number): void {
    if (utilization > busyFrom) {
      this.#limit = Math.max(this.#least, Math.floor(this.#limit * 0.8));
    } else if (utilization < idleBelow) {
      this.#limit = Math.min(this.#most, Math.ceil(this.#limit * 1.25));
    }
  }
}
