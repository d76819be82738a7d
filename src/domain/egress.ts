// Pure: no I/O, no clock, no randomness.

const windowMs = 60_000;
const leastLanes = 10;

/**
 * Tells an outage of our own from those of the receivers: when most lanes fail at once for reasons of the network, it is
 * more likely that we cannot get out than that all of them went down together. Breakers must not open then, because they
 * would stay open after it.
 */
export class EgressWatch {
  /** The last result of each lane within the window, oldest first. */
  readonly #lanes = new Map<string, { readonly atMs: number; readonly failed: boolean }>();
  #failing = 0;

  /** Notes a result: whether it failed before any answer came. */
  note(lane: string, { failed, nowMs }: { failed: boolean; nowMs: number }): void {
    this.#forget(lane);
    this.#lanes.set(lane, { atMs: nowMs, failed });
    if (failed) this.#failing += 1;
    for (const [old, { atMs }] of this.#lanes) {
      if (atMs > nowMs - windowMs) break;
      this.#forget(old);
    }
  }

  /** At least 10 lanes were sent to within a minute, and more than half of them got no answer. */
  get isDown(): boolean {
    return this.#lanes.size >= leastLanes && this.#failing * 2 > this.#lanes.size;
  }

  #forget(lane: string): void {
    const known = this.#lanes.get(lane);
    if (known === undefined) return;
    this.#lanes.delete(lane);
    if (known.failed) this.#failing -= 1;
  }
}
