import type { Pool } from 'pg';
import { inHalves } from '../db/in-halves.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { Log } from '../log.ts';
import type { LaneAccess } from './claim.ts';
import type { LaneBook } from './lane-book.ts';
import type { LaneRule } from './owned-lanes.ts';

/*
 * Which limited lanes (rate, most in flight, ordered) are this worker's. A lane has one owner at a time, so that a limit
 * that one process keeps holds over all of them; the claim checks the owner in SQL.
 *
 * In: lanes that were seen with work. Out: rules in the lane book. A crash: the rescue clears the owner up; a frozen owner
 * is passed over after 20 s (I6).
 */

interface LimitedLanesOptions {
  readonly pool: Pool;
  readonly book: LaneBook;
  readonly log: Log;
}

interface TakenRow {
  lane: string;
  is_ordered: boolean;
  max_in_flight: number | null;
  rate_limit_per_s: number | null;
  rate_in_ms: number | null;
  retry_in_ms: number | null;
}

/**
 * Why a lane is wanted: it was seen with work; its rules changed, or it is back; it carries our number though we do not
 * know it, so that a former holder of the number sent to it, nobody knows how much.
 */
type Reason = 'seen' | 'changed' | 'left behind';

const takeSql = sqlFile('take-lanes');
const releaseSql = sqlFile('release-lanes');
/** Lanes per statement. */
const mostTaken = 500;

export class LimitedLanes {
  readonly #options: LimitedLanesOptions;
  readonly #wanted = new Map<string, Reason>();

  constructor(options: LimitedLanesOptions) {
    this.#options = options;
  }

  get hasWanted(): boolean {
    return this.#wanted.size > 0;
  }

  /** Whether a lane that was seen with work may be claimed as it is; one that has to be this worker's first is wanted. */
  admits({ lane, access }: { readonly lane: string; readonly access: LaneAccess }): boolean {
    if (access === 'open' || (access === 'own' && this.#options.book.owns(lane))) return true;
    if (access === 'own') this.want(lane, 'left behind');
    if (access === 'free') this.want(lane, 'seen');
    return false;
  }

  /** Notes that a lane should be this worker's if it can be. */
  want(lane: string, reason: Reason): void {
    this.#wanted.set(lane, reason);
  }

  /** Takes what is wanted and can be had. What turns out not to be limited any more is claimed like any other lane. */
  async take(workerNumber: number): Promise<void> {
    const { pool, book, log } = this.#options;
    const lanes = [...this.#wanted].slice(0, mostTaken);
    if (lanes.length === 0) return;
    const rows: TakenRow[] = [];
    await inHalves(
      lanes.map(([lane]) => lane),
      async (some) => {
        rows.push(
          ...(await runSql<TakenRow>(pool, { sql: takeSql, values: [workerNumber, some] })),
        );
      },
      (lane, error) =>
        log.error({ lane, error: String(error) }, 'Cannot take a limited lane: it waits'),
    );
    const nowMs = performance.now();
    const taken = new Map(rows.map((row) => [row.lane, row]));
    for (const [lane, reason] of lanes) {
      const row = taken.get(lane);
      this.#wanted.delete(lane);
      if (row === undefined) book.disown(lane);
      else book.own(lane, { rule: ruleOf(row, reason), nowMs });
      if (row !== undefined || reason === 'changed') book.addAll(lane);
    }
  }

  /** Gives up those that have been idle. */
  async releaseIdle(workerNumber: number): Promise<void> {
    const idle = this.#options.book.releaseIdle(performance.now());
    if (idle.length === 0) return;
    await runSql(this.#options.pool, { sql: releaseSql, values: [workerNumber, idle] });
  }
}

function ruleOf(row: TakenRow, reason: Reason): LaneRule {
  // A limit of 0, which the CHECKs refuse, would hold the lane for ever without a word.
  const ratePerS = row.rate_limit_per_s === null ? null : legalRate(row.rate_limit_per_s);
  const unknownMs = reason === 'left behind' && ratePerS !== null ? 1_000 / ratePerS : 0;
  return {
    isOrdered: row.is_ordered,
    maxInFlight: row.max_in_flight === null ? null : Math.max(1, row.max_in_flight),
    ratePerS,
    // Never longer than one turn, whatever stands in the row.
    rateInMs: Math.max(
      0,
      Math.min(row.rate_in_ms ?? 0, ratePerS === null ? 0 : 1_000 / ratePerS),
      unknownMs,
    ),
    retryInMs: Math.max(0, row.retry_in_ms ?? 0),
  };
}

/** The nearest rate that a CHECK lets in. */
function legalRate(ratePerS: number): number {
  return Number.isNaN(ratePerS) ? 0.001 : Math.min(Math.max(ratePerS, 0.001), 10_000);
}
