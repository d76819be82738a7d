// Pure: no I/O, no clock, no randomness.

/** So many endpoints are counted one by one; in what fails at more of them at once, all attempts together tell enough. */
const mostEndpoints = 200;
/** For so long after its last failure an endpoint goes on to be counted. Longer than the period of any rate. */
const watchedMs = 3_600_000;

/** Attempts since the last tally. */
export interface TallyRow {
  /** Null: all attempts. */
  readonly endpointId: string | null;
  readonly attempts: number;
  readonly failures: number;
}

interface Counts {
  attempts: number;
  failures: number;
}

/**
 * Counts attempts and failures: all of them, and those of each registered endpoint that has failed lately. From its first
 * failure on an endpoint is counted with its successes; the many that never fail cost nothing.
 */
export class Tally {
  readonly #total: Counts = { attempts: 0, failures: 0 };
  readonly #endpoints = new Map<string, Counts & { failedAtMs: number }>();

  note(endpointId: string | null, { failed, nowMs }: { failed: boolean; nowMs: number }): void {
    add(this.#total, failed);
    if (endpointId === null) return;
    let counts = this.#endpoints.get(endpointId);
    if (counts === undefined) {
      if (!failed || this.#endpoints.size >= mostEndpoints) return;
      counts = { attempts: 0, failures: 0, failedAtMs: nowMs };
      this.#endpoints.set(endpointId, counts);
    }
    add(counts, failed);
    if (failed) counts.failedAtMs = nowMs;
  }

  /** What was counted since the last time; nothing where nothing was tried. */
  take(nowMs: number): TallyRow[] {
    const rows: TallyRow[] = [];
    for (const [endpointId, counts] of [[null, this.#total] as const, ...this.#endpoints]) {
      const { attempts, failures } = counts;
      if (attempts > 0) rows.push({ endpointId, attempts, failures });
      counts.attempts = 0;
      counts.failures = 0;
    }
    for (const [endpointId, { failedAtMs }] of this.#endpoints) {
      if (failedAtMs <= nowMs - watchedMs) this.#endpoints.delete(endpointId);
    }
    return rows;
  }

  /** Back again what could not be written. */
  give(rows: readonly TallyRow[]): void {
    for (const { endpointId, attempts, failures } of rows) {
      const counts = endpointId === null ? this.#total : this.#endpoints.get(endpointId);
      if (counts === undefined) continue;
      counts.attempts += attempts;
      counts.failures += failures;
    }
  }
}

function add(counts: Counts, failed: boolean): void {
  counts.attempts += 1;
  if (failed) counts.failures += 1;
}
