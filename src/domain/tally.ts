// Pure: no I/O, no clock, no randomness.

/** So many endpoints that fail are watched; in what fails at more of them at once, all attempts together tell enough. */
const mostWatched = 200;
/** For so long after its last failure an endpoint is watched. Longer than the period of any rate. */
const watchedMs = 3_600_000;
/** So many other endpoints are written each time, if there are as many: those that have waited longest. */
const leastWritten = 200;
/** Of more endpoints a share is written each time, so that each is written within so many turns. */
const turns = 20;
/** More endpoints than that do not wait to be written: it bounds the memory. */
const mostWaiting = 100_000;

/** Attempts since the last tally. */
export interface TallyRow {
  /** Null: all attempts. */
  readonly endpointId: string | null;
  readonly attempts: number;
  readonly failures: number;
  /** Whether the endpoint has failed lately. */
  readonly isWatched: boolean;
}

interface Counts {
  attempts: number;
  failures: number;
}

/**
 * Counts attempts and failures: all of them, and those of each registered endpoint. What has failed lately is written each
 * time, for the alerts. So are the others as long as they are few; of many each is written every now and then, so that
 * 100,000 of them cost a row each in five minutes and not in 15 seconds.
 */
export class Tally {
  readonly #total: Counts = { attempts: 0, failures: 0 };
  /** What is not written yet, in the order of the first attempt. */
  readonly #endpoints = new Map<string, Counts>();
  /** When each of those that are watched failed last. */
  readonly #failedAtMs = new Map<string, number>();

  note(endpointId: string | null, { failed, nowMs }: { failed: boolean; nowMs: number }): void {
    const failures = failed ? 1 : 0;
    add(this.#total, { attempts: 1, failures });
    if (endpointId === null) return;
    add(this.#countsOf(endpointId), { attempts: 1, failures });
    if (failed && (this.#failedAtMs.has(endpointId) || this.#failedAtMs.size < mostWatched)) {
      this.#failedAtMs.set(endpointId, nowMs);
    }
  }

  /** What is to be written now, or all that there is; nothing where nothing was tried. */
  take(nowMs: number, { all = false }: { all?: boolean } = {}): TallyRow[] {
    const rows: TallyRow[] = [];
    if (this.#total.attempts > 0) {
      rows.push({ endpointId: null, ...this.#total, isWatched: false });
      this.#total.attempts = 0;
      this.#total.failures = 0;
    }
    for (const [endpointId, failedAtMs] of this.#failedAtMs) {
      this.#move(endpointId, { rows, isWatched: true });
      if (failedAtMs <= nowMs - watchedMs) this.#failedAtMs.delete(endpointId);
    }
    const waiting = this.#endpoints.size;
    const share = Math.max(leastWritten, Math.ceil(waiting / turns), waiting - mostWaiting);
    let left = all ? waiting : share;
    for (const endpointId of this.#endpoints.keys()) {
      if (left <= 0) break;
      this.#move(endpointId, { rows, isWatched: false });
      left -= 1;
    }
    return rows;
  }

  /** Back again what could not be written. */
  give(rows: readonly TallyRow[]): void {
    for (const row of rows) {
      add(row.endpointId === null ? this.#total : this.#countsOf(row.endpointId), row);
    }
  }

  #countsOf(endpointId: string): Counts {
    let counts = this.#endpoints.get(endpointId);
    if (counts === undefined) {
      counts = { attempts: 0, failures: 0 };
      this.#endpoints.set(endpointId, counts);
    }
    return counts;
  }

  #move(endpointId: string, { rows, isWatched }: { rows: TallyRow[]; isWatched: boolean }): void {
    const counts = this.#endpoints.get(endpointId);
    if (counts === undefined) return;
    rows.push({ endpointId, ...counts, isWatched });
    this.#endpoints.delete(endpointId);
  }
}

function add(counts: Counts, { attempts, failures }: Counts): void {
  counts.attempts += attempts;
  counts.failures += failures;
}
