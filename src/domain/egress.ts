// Pure: no I/O, no clock, no randomness.

const windowMs = 60_000;
const minLanes = 10;

/**
 * Detects an outage on our own side. When most lanes fail at once with network errors, it is more likely that we cannot
 * reach the network than that all receivers went down together. Breakers must not open then, because they would stay
 * open after the outage.
 */
export class EgressWatch {
  /** The last result of each lane within the window, oldest first. */
  readonly #lanes = new Map<string, { readonly atMs: number; readonly failed: boolean }>();
  #failing = 0;

  /** Notes a result, and whether it failed before any answer came. */
  note(lane: string, { failed, nowMs }: { failed: boolean; nowMs: number }): void {
    this.#forget(lane);
    this.#lanes.set(lane, { atMs: nowMs, failed });
    if (failed) this.#failing += 1;
    for (const [old, { atMs }] of this.#lanes) {
      if (atMs > nowMs - windowMs) break;
      this.#forget(old);
    }
  }

  /** True if at least 10 lanes were sent to within a minute and more than half of them got no answer. */
  get isDown(): boolean {
    return this.#lanes.size >= minLanes && this.#failing * 2 > this.#lanes.size;
  }

  #forget(lane: string): void {
    const known = this.#lanes.get(lane);
    if (known === undefined) return;
    this.#lanes.delete(lane);
    if (known.failed) this.#failing -= 1;
  }
}
