import { InFlightLimit } from '../domain/in-flight-limit.ts';

/** Long enough to say something, short enough that all slots are there a second after receivers turn slow. */
const everyMs = 100;

/** How many requests this process may have in flight, by how busy its event loop is. */
export class InFlightGauge {
  readonly #limit: InFlightLimit;
  #seen = performance.eventLoopUtilization();
  #seenMs = performance.now();

  constructor(options: { readonly most: number }) {
    this.#limit = new InFlightLimit(options);
  }

  limit(): number {
    const nowMs = performance.now();
    if (nowMs - this.#seenMs >= everyMs) {
      const seen = performance.eventLoopUtilization();
      this.#limit.note(performance.eventLoopUtilization(seen, this.#seen).utilization);
      this.#seen = seen;
      this.#seenMs = nowMs;
    }
    return this.#limit.limit;
  }
}
