// Pure: no I/O, no clock, no randomness.

const claimSize = 200;
/** The weight of the latest claim in the moving average. */
const weight = 0.2;

/**
 * Decides how many webhooks a claim may ask for: the slots that are free now, and those that will be free when its
 * answer comes. Without the second part, a process whose receivers answer at once would run dry while it waits for the
 * claim.
 */
export class ClaimRoom {
  readonly #most: number;
  readonly #least: number;
  /** How many requests have ended during a claim, as a moving average. */
  #endedMeanwhile = 0;

  constructor({ most }: { readonly most: number }) {
    this.#most = most;
    // Claims of a few rows cost as much as claims of many: wait until an eighth of the slots is free.
    this.#least = Math.max(1, Math.min(20, Math.floor(most / 8)));
  }

  /**
   * How many webhooks a claim may take now; 0: do not claim before `fromInFlight` is reached.
   *
   * @param allowed how many may be in flight now; a claim takes more only for requests that will have ended by then.
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

  /** Notes how many requests were in flight when a claim was sent, and when its answer came. */
  noteClaim({ before, after }: { readonly before: number; readonly after: number }): void {
    this.#endedMeanwhile += (Math.max(0, before - after) - this.#endedMeanwhile) * weight;
  }

  /** Receivers are slow: the next claim expects fewer requests to end. */
  noteSlow(): void {
    this.#endedMeanwhile *= 1 - weight;
  }
}
