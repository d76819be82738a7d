// Pure: no I/O, no clock, no randomness.

/**
 * Sums up the attempts that ended in the last five minutes, in slices of 15 s. It keeps only sums, so that it costs the
 * same at any rate.
 */
export class RecentWindow {
  readonly #slices: Slice[] = [];

  /** Notes the end of an attempt that counts; `deliveryS`: from enqueueing to the success, if it was one. */
  note({ deliveryS, nowMs }: { deliveryS: number | undefined; nowMs: number }): void {
    let slice = this.#slices.at(-1);
    if (slice === undefined || nowMs - slice.fromMs >= sliceMs) {
      slice = { fromMs: nowMs, attempts: 0, delivered: 0, deliveryS: 0 };
      this.#slices.push(slice);
      this.#forget(nowMs);
    }
    slice.attempts += 1;
    if (deliveryS === undefined) return;
    slice.delivered += 1;
    slice.deliveryS += deliveryS;
  }

  /** Undefined if nothing ended. */
  summary(nowMs: number): {
    readonly successRatio: number | undefined;
    readonly deliveryS: number | undefined;
  } {
    this.#forget(nowMs);
    let [attempts, delivered, deliveryS] = [0, 0, 0];
    for (const slice of this.#slices) {
      attempts += slice.attempts;
      delivered += slice.delivered;
      deliveryS += slice.deliveryS;
    }
    return {
      successRatio: attempts === 0 ? undefined : delivered / attempts,
      deliveryS: delivered === 0 ? undefined : deliveryS / delivered,
    };
  }

  #forget(nowMs: number): void {
    while (this.#slices[0] !== undefined && nowMs - this.#slices[0].fromMs > windowMs) {
      this.#slices.shift();
    }
  }
}

interface Slice {
  readonly fromMs: number;
  attempts: number;
  delivered: number;
  deliveryS: number;
}

const sliceMs = 15_000;
const windowMs = 300_000;
