// Pure: no I/O, no clock, no randomness.

/** The weight of the latest round in the moving average. */
const weight = 0.2;
const freshForMs = 1_000;
/** The quickest round of about the last minute shows how long a round takes when nothing slows it. */
const baselineForMs = 30_000;
const maxBaselineMs = 15;

/** A webhook that has waited longer than this is part of a backlog: a little later makes no difference to it. */
export const behindAfterMs = 1_000;

/** none: no webhook has just arrived. shared: some have, and they do not wait. high: some have, and they wait. */
export type StrainLevel = 'none' | 'shared' | 'high';

/**
 * Measures whether new webhooks wait because the process or the machine is busy. If they do, lanes that work off a
 * backlog must hold back; with only backlogs there is nothing to hold back for.
 *
 * A round is a claim and the sending that it starts, without the time that it waited on purpose.
 */
export class Strain {
  #roundMs = 0;
  #freshAtMs = Number.NEGATIVE_INFINITY;
  #quickestMs = maxBaselineMs;
  #quickestBeforeMs = maxBaselineMs;
  #baselineFromMs = Number.NEGATIVE_INFINITY;

  note({ roundMs, hasFresh, nowMs }: { roundMs: number; hasFresh: boolean; nowMs: number }): void {
    this.#roundMs += (roundMs - this.#roundMs) * weight;
    if (hasFresh) this.#freshAtMs = nowMs;
    if (nowMs - this.#baselineFromMs > baselineForMs) {
      this.#quickestBeforeMs = this.#quickestMs;
      this.#quickestMs = maxBaselineMs;
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
