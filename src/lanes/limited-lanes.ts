import type { Pool } from 'pg';
import { inHalves } from '../db/in-halves.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { Log } from '../log.ts';
import type { LaneAccess } from './lane.ts';
import type { LaneBook } from './lane-book.ts';
import type { LaneRule } from './owned-lanes.ts';

/*
 * Which limited lanes (rate, most in flight, ordered) are this worker's. A lane has one owner at a time, so that a limit
 * that one process keeps holds over all of them; the claim checks the owner in SQL.
 *
 * In: lanes that were seen with work, or whose rules changed. Out: rules in the lane book. A crash: the rescue clears the
 * owner up; a frozen owner is passed over after 20 s (I6).
 */

interface LimitedLanesOptions {
  readonly pool: Pool;
  readonly book: LaneBook;
  readonly log: Log;
}

/** A lane that is limited, as take-lanes.sql found it. */
interface RuleRow {
  lane: string;
  access: 'mine' | 'locked' | 'other';
  was_own: boolean;
  is_ordered: boolean;
  max_in_flight: number | null;
  rate_limit_per_s: number | null;
  rate_in_ms: number | null;
  retry_in_ms: number | null;
}

const takeSql = sqlFile('take-lanes');
const releaseSql = sqlFile('release-lanes');
/** Lanes per statement. */
const mostTaken = 500;
/** Another session may have changed an endpoint in a transaction that stays open. */
const lockedAgainMs = 100;

export class LimitedLanes {
  readonly #options: LimitedLanesOptions;
  readonly #wanted = new Set<string>();
  /** Wanted as well, and not asked for again before a time. */
  readonly #locked = new Set<string>();
  #lockedUntilMs = 0;

  constructor(options: LimitedLanesOptions) {
    this.#options = options;
  }

  get hasWanted(): boolean {
    return this.#wanted.size > 0;
  }

  /** Whether a lane that was seen with work may be claimed as it is; one that has to be this worker's first is wanted. */
  admits({ lane, access }: { readonly lane: string; readonly access: LaneAccess }): boolean {
    if (access === 'anyone' || (access === 'mine' && this.#options.book.owns(lane))) return true;
    if (access === 'mine' || access === 'unowned') this.want(lane);
    return false;
  }

  /** Notes that a lane's rule has to be read, and the lane taken if it can be. */
  want(lane: string): void {
    this.#wanted.add(lane);
  }

  /** Reads the rules of all lanes that are this worker's again: what was told of them meanwhile has not been heard. */
  async takeOwnedAgain(workerNumber: number): Promise<void> {
    for (const lane of this.#options.book.ownedLanes) this.want(lane);
    while (this.hasWanted) await this.take(workerNumber);
  }

  /**
   * Takes the wanted lanes that can be owned. A lane that turns out to have no limits is claimed like any other. A lane whose row is
   * locked keeps the rule that is known and stays wanted.
   */
  async take(workerNumber: number): Promise<void> {
    this.#wantLockedAgain();
    const lanes = [...this.#wanted].slice(0, mostTaken);
    if (lanes.length === 0) return;
    // Deleted before the answer, so that a change that is announced while it is on its way is read again.
    for (const lane of lanes) this.#wanted.delete(lane);
    const rules = await this.#readRules(lanes, workerNumber).catch((error: unknown) => {
      for (const lane of lanes) this.want(lane);
      throw error;
    });
    for (const lane of lanes) this.#learn(lane, rules.get(lane));
  }

  /** Gives up those that have been idle. */
  async releaseIdle(workerNumber: number): Promise<void> {
    const idle = this.#options.book.releaseIdle(performance.now());
    if (idle.length === 0) return;
    await runSql(this.#options.pool, releaseSql, { workerNumber, lanes: idle });
  }

  /** By lane; one that is not limited has none, and one whose rule cannot be read is 'unreadable'. */
  async #readRules(
    lanes: readonly string[],
    workerNumber: number,
  ): Promise<ReadonlyMap<string, RuleRow | 'unreadable'>> {
    const { pool, log } = this.#options;
    const rules = new Map<string, RuleRow | 'unreadable'>();
    await inHalves(
      lanes,
      async (some) => {
        const rows = await runSql<RuleRow>(pool, takeSql, { workerNumber, lanes: some });
        for (const row of rows) rules.set(row.lane, row);
      },
      (lane, error) => {
        rules.set(lane, 'unreadable');
        log.error({ lane, error: String(error) }, 'Cannot take a limited lane: it waits');
      },
    );
    return rules;
  }

  #learn(lane: string, row: RuleRow | 'unreadable' | undefined): void {
    const { book } = this.#options;
    const nowMs = performance.now();
    if (row === 'unreadable') {
      book.disown(lane);
      return;
    }
    if (row === undefined) {
      book.disown(lane);
      book.addAll(lane);
      return;
    }
    switch (row.access) {
      case 'mine':
        // It has our number although we do not know it: how much its former holder has sent to it is unknown.
        book.own(lane, { rule: ruleOf(row, { isUsedUp: row.was_own && !book.owns(lane) }), nowMs });
        book.addAll(lane);
        break;
      case 'locked':
        if (this.#locked.size === 0) this.#lockedUntilMs = nowMs + lockedAgainMs;
        this.#locked.add(lane);
        break;
      case 'other':
        book.disown(lane);
        break;
      default:
        row.access satisfies never;
    }
  }

  #wantLockedAgain(): void {
    if (this.#locked.size === 0 || performance.now() < this.#lockedUntilMs) return;
    for (const lane of this.#locked) this.want(lane);
    this.#locked.clear();
  }
}

function ruleOf(row: RuleRow, { isUsedUp }: { isUsedUp: boolean }): LaneRule {
  // A limit of 0, which the CHECKs refuse, would hold the lane forever without a word.
  const ratePerS = row.rate_limit_per_s === null ? null : legalRate(row.rate_limit_per_s);
  const unknownMs = isUsedUp && ratePerS !== null ? 1_000 / ratePerS : 0;
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
