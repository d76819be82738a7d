// Pure: no I/O, no clock, no randomness.

const claimSize = 200;
/** How much the latest claim counts. */
const weight = 0.2;

/**
 * How much a claim may ask for: what there is room for now, and what there will be room for by the time its answer comes,
 * or a process whose receivers answer at once would have sent everything by then, and wait.
 */
export class ClaimRoom {
  readonly #most: number;
  readonly #least: number;
  /** How many requests end while a claim is under way, of late. */
  #endedMeanwhile = 0;

  constructor({ most }: { readonly most: number }) {
    this.#most = most;
    // Claims of a few rows cost as much as claims of many: wait until an eighth of the slots is free.
    this.#least = Math.max(1, Math.min(20, Math.floor(most / 8)));
  }

  /**
   * How many webhooks a claim may take now; 0: it is not worth one before `fromInFlight` is reached.
   *
   * @param allowed in flight by now; what a claim takes beyond is what will have ended meanwhile.
   */
  of(
    inFlight: number,
    { allowed }: { readonly allowed: number },
  ): { readonly room: number; readonly fromInFlight: number } {
    const ahead = Math.floor(this.#endedMeanwhile);
    const upTo = Math.min(this.#most, allowed + ahead);
    const fromInFlight = upTo - Math.max(this.#least, Math.floor(ahead / 2));
    const room = inFlight > fromInFlight ? 0 : Math.min(upTo - inFlight, claimSize);
    return { room, fromInFlight };
  }

  /** So many were in flight when a claim was sent, and when its answer came. */
  noteClaim({ before, after }: { readonly before: number; readonly after: number }): void {
    this.#endedMeanwhile += (Math.max(0, before - after) - this.#endedMeanwhile) * weight;
  }

  /** Receivers keep a claim waiting that did not seem worth it: now fewer will do. */
  noteSlow(): void {
    this.#endedMeanwhile *= 1 - weight;
  }
}
