import type { Log } from '../log.ts';

/** An answer that took longer says too little about when it was given. */
const slowestMs = 1_000;
/** Receivers refuse signatures that are 5 minutes off. */
const noteworthyMs = 5_000;

/**
 * The time as Postgres has it, in this process: all workers sign by the one clock that also says what is due, whatever
 * their machines' clocks say.
 *
 * Read from the answers of claims and carried on by the monotonic clock. Until the first it is the machine's.
 */
export class DatabaseClock {
  readonly #log: Log;
  /** Postgres' time less performance.now(), ms. */
  #offsetMs: number | undefined;
  #isTold = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Unix time, ms. */
  nowMs(): number {
    return this.#offsetMs === undefined ? Date.now() : performance.now() + this.#offsetMs;
  }

  /** Postgres said `nowMs` to what was asked and answered then, performance.now(). */
  note(look: {
    readonly nowMs: number;
    readonly askedMs: number;
    readonly answeredMs: number;
  }): void {
    const { nowMs, askedMs, answeredMs } = look;
    if (answeredMs - askedMs > slowestMs) return;
    this.#offsetMs = nowMs - askedMs;
    const aheadMs = Date.now() - this.nowMs();
    const isFar = Math.abs(aheadMs) > noteworthyMs;
    if (isFar && !this.#isTold) {
      this.#log.warn(
        { aheadS: Math.round(aheadMs / 1_000) },
        "The clock of this machine differs from Postgres': signing by that of Postgres",
      );
    }
    this.#isTold = isFar;
  }
}
