// Pure: no I/O, no clock, no randomness.

/** How many failing endpoints are watched. If more fail at once, the total of all attempts tells enough. */
const maxWatched = 200;
/** How long an endpoint is watched after its last failure. It is longer than the period of any rate. */
const watchedMs = 3_600_000;
/** How many other endpoints are written each time, at least: those that have waited longest. */
const minWritten = 200;
/** If there are more, each turn writes this fraction of them, so that each is written within 20 turns. */
const turns = 20;
/** At most this many endpoints wait to be written, which bounds the memory. */
const maxWaiting = 100_000;

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
 * Counts attempts and failures: all of them, and those of each registered endpoint. Endpoints that failed lately are
 * written each time, for the alerts. The others are too while they are few. If there are many, they take turns: 100,000
 * of them cost one row each in five minutes, not in 15 seconds.
 */
export class Tally {
  readonly #total: Counts = { attempts: 0, failures: 0 };
  /** Counts that are not written yet, in the order of the first attempt. */
  readonly #endpoints = new Map<string, Counts>();
  /** When each watched endpoint failed last. */
  readonly #failedAtMs = new Map<string, number>();

  note(endpointId: string | null, { failed, nowMs }: { failed: boolean; nowMs: number }): void {
    const failures = failed ? 1 : 0;
    add(this.#total, { attempts: 1, failures });
    if (endpointId === null) return;
    add(this.#countsOf(endpointId), { attempts: 1, failures });
    if (failed && (this.#failedAtMs.has(endpointId) || this.#failedAtMs.size < maxWatched)) {
      this.#failedAtMs.set(endpointId, nowMs);
    }
  }

  /** Takes the counts that are to be written now, or all of them; empty if nothing was tried. */
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
    const share = Math.max(minWritten, Math.ceil(waiting / turns), waiting - maxWaiting);
    let left = all ? waiting : share;
    for (const endpointId of this.#endpoints.keys()) {
      if (left <= 0) break;
      this.#move(endpointId, { rows, isWatched: false });
      left -= 1;
    }
    return rows;
  }

  /** Puts back counts that could not be written. */
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
