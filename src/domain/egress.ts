// Pure: no I/O, no clock, no randomness.

import type { LaneGroups } from './lane.ts';

const windowMs = 60_000;
const minOrigins = 10;
const minTopGroups = 5;
/** Of origins, and of top groups, this many are remembered: those with the latest results. */
const mostRemembered = 10_000;

/**
 * Detects an outage on our own side. When most of those we send to fail at once with network errors, it is more likely that
 * we cannot reach the network than that all receivers went down together. Breakers must not open then, because they would
 * stay open after the outage.
 *
 * It takes most origins, because one dead host may have thousands of URLs and belong to many tenants; and most top groups
 * (tenants; the origins of those without one), because one tenant may have thousands of dead hosts. With fewer than five top
 * groups we cannot tell the fault of a tenant from our own. Breakers then open, and the probes close them.
 */
export class EgressWatch {
  readonly #origins = new LastResults();
  readonly #topGroups = new LastResults();

  /** Notes a result, and whether it failed before any answer came. */
  note(
    { origin, tenant }: LaneGroups,
    result: { readonly failed: boolean; readonly nowMs: number },
  ): void {
    this.#origins.note(origin, result);
    this.#topGroups.note(tenant ?? origin, result);
  }

  /** True if within a minute most origins, of ten or more, and most top groups, of five or more, got no answer. */
  get isDown(): boolean {
    return this.#origins.mostFail(minOrigins) && this.#topGroups.mostFail(minTopGroups);
  }
}

/** The last result of each key within the window, oldest first. */
class LastResults {
  readonly #results = new Map<string, { readonly atMs: number; readonly failed: boolean }>();
  #failing = 0;

  note(key: string, { failed, nowMs }: { readonly failed: boolean; readonly nowMs: number }): void {
    this.#forget(key);
    this.#results.set(key, { atMs: nowMs, failed });
    if (failed) this.#failing += 1;
    for (const [old, { atMs }] of this.#results) {
      if (atMs > nowMs - windowMs && this.#results.size <= mostRemembered) break;
      this.#forget(old);
    }
  }

  mostFail(atLeast: number): boolean {
    return this.#results.size >= atLeast && this.#failing * 2 > this.#results.size;
  }

  #forget(key: string): void {
    const known = this.#results.get(key);
    if (known === undefined) return;
    this.#results.delete(key);
    if (known.failed) this.#failing -= 1;
  }
}
