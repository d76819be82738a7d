import { setTimeout as delay } from 'node:timers/promises';
import { allowedBy, createPace, spend } from '../domain/pace.ts';
import type { Wake } from './wake.ts';

/** After a claim that found less than it could take: what arrives meanwhile is claimed together. */
const gapMs = 8;
/** Unless somebody calls, and this often at most: a claim more costs about 1.5 ms of CPU. */
const mostCallsPerS = 100;

/** The gap between claims, in which what arrives gathers. */
export class Gather {
  readonly #wake: Wake;
  /** Calls that ended the gap. */
  #calls = createPace(mostCallsPerS);

  constructor(wake: Wake) {
    this.#wake = wake;
  }

  /** Waits for the gap to end, or for a call; says how late that was. */
  async wait(): Promise<number> {
    const startedMs = performance.now();
    if (allowedBy(this.#calls, startedMs) === 0) {
      await delay(gapMs);
    } else if (await this.#wake.wait(gapMs)) {
      this.#calls = spend(this.#calls, startedMs);
      return 0;
    }
    return Math.max(0, performance.now() - startedMs - gapMs);
  }
}
