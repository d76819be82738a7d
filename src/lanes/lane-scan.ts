import type { Pool } from 'pg';
import type { LaneCache } from '../cache/lane-cache.ts';
import type { LaneHint } from '../cache/lane-hint.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import type { LaneBook } from './lane-book.ts';
import type { LimitedLanes } from './limited-lanes.ts';
import type { ProbeLanes } from './probe-lanes.ts';
import { type OwnedRow, type ScannedRow, scanPages } from './scan-pages.ts';

/*
 * Scans all lanes: the backstop of discovery.
 *
 * In: the heads of all lanes. Out: lanes in the book. It finds what the window no longer sees: late commits, webhooks that were
 * given back, lanes that are no longer throttled, and lanes to probe for their origins. It runs at start, on request, and every 5 s.
 * With a cache, the scan of one worker serves the others: they take hints from it, check the limited lanes that they own, and scan
 * themselves if the cache does not answer.
 */

interface LaneScanOptions {
  readonly pool: Pool;
  readonly book: LaneBook;
  readonly limited: LimitedLanes;
  readonly probeLanes: ProbeLanes;
  readonly events: Events;
  readonly log: Log;
  /** Shared with the other workers: one scan for all. */
  readonly cache: LaneCache | undefined;
  /** Between two scans, if they cost little. */
  readonly everyMs: number;
  /** Called when there is something to note between claims. */
  readonly found?: () => void;
}

const scanOwnedSql = sqlFile('scan-owned');
/** A scan may use this share of the time at most: it costs 8 µs a lane. */
const share = 50;
/** A flood of new webhooks asks for a scan with each second claim. */
const leastPauseMs = 20;
/** After one that failed. */
const failedPauseMs = 500;
/** Hints taken at once. */
const hintsAtOnce = 500;
/** Lanes noted between two claims. */
const notedAtOnce = 500;

export class LaneScan {
  readonly #options: LaneScanOptions;
  #isWanted = true;
  #lastMs = 0;
  #costMs = 0;
  #hasHints = false;
  #isUnderWay = false;
  /** Found and not noted yet. */
  #found: (ScannedRow | LaneHint)[] = [];
  /** A scan has been made since idle lanes were given up. */
  #mayBeIdle = false;

  constructor(options: LaneScanOptions) {
    this.#options = options;
  }

  /** The next one is due now. */
  want(): void {
    this.#isWanted = true;
  }

  /**
   * Notes some of what was found, and begins the next scan if it is due, without waiting for it: of 20,000 lanes it takes 200 ms, and
   * what has just come must not wait for the lanes of others.
   */
  async betweenClaims(workerNumber: number): Promise<void> {
    void this.lookWhenDue(workerNumber);
    if (this.noteSome()) this.#options.found?.();
    await this.#releaseIdle(workerNumber);
  }

  /** Looks if it is time and nothing is left to note. Never throws: only a backstop, and tried again. */
  async lookWhenDue(workerNumber: number): Promise<void> {
    if (this.#isUnderWay || this.#found.length > 0) return;
    this.#isUnderWay = true;
    try {
      if (this.#isDue()) await this.#lookOrAsk(workerNumber);
      else if (this.#hasHints) await this.#takeHints();
    } catch (error) {
      this.#failed(error);
      // Nothing else finds what it was asked for: the window has passed by it.
      this.#isWanted = true;
      this.#costMs = Math.max(this.#costMs, failedPauseMs);
    }
    this.#isUnderWay = false;
    if (this.#found.length > 0) this.#options.found?.();
  }

  async run(workerNumber: number): Promise<void> {
    await this.#look(workerNumber);
    while (this.noteSome());
  }

  /**
   * Notes some of what was found; true if there is more. Not while a claim is under way: if it gives nothing of a lane, the lane is
   * forgotten, and a scan may have seen later what was not there yet.
   */
  noteSome(): boolean {
    for (const seen of this.#found.splice(0, notedAtOnce)) {
      if ('access' in seen) this.#note(seen);
      else this.#options.book.add(seen);
    }
    return this.#found.length > 0;
  }

  /** After a scan, gives up the limited lanes that have been idle. Never throws, and not at the same time as lanes are taken. */
  async #releaseIdle(workerNumber: number): Promise<void> {
    if (!this.#mayBeIdle || this.#found.length > 0) return;
    this.#mayBeIdle = false;
    try {
      await this.#options.limited.releaseIdle(workerNumber);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #look(workerNumber: number): Promise<void> {
    const { pool, book, events, cache } = this.#options;
    const startedMs = performance.now();
    this.#isWanted = false;
    const forAnyone: LaneHint[] = [];
    const probes: ScannedRow[] = [];
    let lanes = 0;
    for await (const rows of scanPages(pool, { workerNumber })) {
      lanes += rows.length;
      for (const row of rows) {
        if (row.access === 'probe') probes.push(row);
        else this.#found.push(row);
        if (cache !== undefined && row.access === 'anyone' && row.tenant_access === 'anyone')
          forAnyone.push(placeOf(row));
      }
      this.#options.found?.();
    }
    // From all pages alike, since the first lane of an origin is the one that is noted.
    for (const probe of shuffled(probes)) this.#found.push(probe);
    book.sweep(performance.now());
    this.#mayBeIdle = true;
    this.#lastMs = performance.now();
    this.#costMs = this.#lastMs - startedMs;
    events.emit('scanned', { lanes, durationMs: this.#costMs });
    // Not waited for: it is for the others.
    void cache?.share(forAnyone, { nextInMs: this.#pauseMs });
  }

  get #pauseMs(): number {
    return Math.max(this.#options.everyMs, this.#costMs * share);
  }

  /** Scans on request take at most half of the time, because any client that can notify can ask for as many as it likes. */
  #isDue(): boolean {
    const restedMs = performance.now() - this.#lastMs;
    return restedMs >= (this.#isWanted ? Math.max(this.#costMs, leastPauseMs) : this.#pauseMs);
  }

  /**
   * A requested scan must be a new one: an earlier scan of another worker does not have what it is for. The owner of a tenant scans by
   * itself, because nobody else may claim the lanes of the tenant, and only a scan of all lanes finds them.
   */
  async #lookOrAsk(workerNumber: number): Promise<void> {
    const { cache, book } = this.#options;
    const isOwnScan = cache === undefined || this.#isWanted || book.owned.hasTenants;
    if (isOwnScan || (await cache.mayScan())) return this.#look(workerNumber);
    this.#lastMs = performance.now();
    // Another worker's scan costs nothing here.
    this.#costMs = 0;
    await this.#takeHints();
    await this.#scanOwned(workerNumber);
    this.#mayBeIdle = true;
  }

  /** The other worker does not share these lanes, because only their owner may claim them. */
  async #scanOwned(workerNumber: number): Promise<void> {
    const { pool, book } = this.#options;
    const lanes = book.owned.names;
    if (lanes.length === 0) return;
    const rows = await runSql<ScannedRow>(pool, scanOwnedSql, { workerNumber, lanes });
    this.#found = this.#found.concat(rows);
  }

  /** More of them as soon as these are used up. */
  async #takeHints(): Promise<void> {
    const { cache, book } = this.#options;
    if (book.waitingCount >= hintsAtOnce) return;
    const hints = (await cache?.hints(hintsAtOnce)) ?? [];
    this.#found = this.#found.concat(hints);
    this.#hasHints = hints.length === hintsAtOnce;
  }

  #failed(error: unknown): void {
    this.#lastMs = performance.now();
    const { pool, log } = this.#options;
    if (!pool.ending) log.warn({ error: String(error) }, 'Cannot scan the lanes');
  }

  #note(row: ScannedRow): void {
    const { book, limited, probeLanes } = this.#options;
    const { lane, origin, access, tenant_access: tenantAccess } = row;
    if (access === 'probe') {
      if (origin !== null) probeLanes.note({ origin, lane }, { isRandom: true });
      return;
    }
    const seen = { ...placeOf(row), access, tenantAccess };
    if (limited.admits(seen)) book.add(seen);
    else limited.wantTheirs(seen);
  }
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function placeOf(row: OwnedRow): LaneHint {
  const { lane, priority, due_ms: dueMs, origin, tenant_key: tenant } = row;
  return { lane, priority, dueMs, groups: { tenant, origin: origin ?? lane } };
}
