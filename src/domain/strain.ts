// Pure: no I/O, no clock, no randomness.

/** How much the latest round counts. */
const weight = 0.2;
const freshForMs = 1_000;
/** The quickest round of the last minute or so is what a round takes when nothing is in its way. */
const baselineForMs = 30_000;
const mostBaselineMs = 15;

/** Waiting for longer than this, a webhook is one of a backlog: a little later makes no difference to it. */
export const behindAfterMs = 1_000;

/** none: nothing has just arrived. shared: there is such, and it does not wait. high: it does. */
export type StrainLevel = 'none' | 'shared' | 'high';

/**
 * Whether the process, or the machine, is so busy that webhooks that have just arrived wait, and there are such. Then lanes
 * that work off a backlog have to hold back; with nothing but backlogs there is nobody to hold back for.
 *
 * A round is a claim and the sending that it starts, without what it waited on purpose.
 */
export class Strain {
  #roundMs = 0;
  #freshAtMs = Number.NEGATIVE_INFINITY;
  #quickestMs = mostBaselineMs;
  #quickestBeforeMs = mostBaselineMs;
  #baselineFromMs = Number.NEGATIVE_INFINITY;

  note({ roundMs, hasFresh, nowMs }: { roundMs: number; hasFresh: boolean; nowMs: number }): void {
    this.#roundMs += (roundMs - this.#roundMs) * weight;
    if (hasFresh) this.#freshAtMs = nowMs;
    if (nowMs - this.#baselineFromMs > baselineForMs) {
      this.#quickestBeforeMs = this.#quickestMs;
      this.#quickestMs = mostBaselineMs;
      this.#baselineFromMs = nowMs;
    }
    this.#quickestMs = Math.min(this.#quickestMs, roundMs);
  }

  level(nowMs: number): StrainLevel {
    if (nowMs - this.#freshAtMs > freshForMs) return 'none';
    const quickestMs = Math.min(this.#quickestMs, this.#quickestBeforeMs);
    return this.#roundMs > quickestMs * 2 + 1 ? 'high' : 'shared';
  }
}
