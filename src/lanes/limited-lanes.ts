import type { Pool } from 'pg';
import { inHalves } from '../db/in-halves.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { Log } from '../log.ts';
import type { SeenLane, TenantAccess } from './lane.ts';
import type { LaneBook } from './lane-book.ts';
import { groupsOf, type RuleRow, ruleOf } from './rule-row.ts';
import { priorities } from './share-rings.ts';

/*
 * Which limited lanes (rate, most in flight, ordered) and limited tenants are this worker's. Each has one owner at a time, so
 * that a limit that one process keeps holds over all of them; the claim checks the owner in SQL. The owner of a tenant also
 * owns its limited lanes. A tenant goes by its key, which is like the number of a lane.
 *
 * In: lanes that were seen with work, lanes and tenants whose rules changed. Out: rules in the lane book. A crash: the rescue
 * clears the owner up; a frozen owner is passed over after 20 s (I6).
 */

interface LimitedLanesOptions {
  readonly pool: Pool;
  readonly book: LaneBook;
  readonly log: Log;
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
  /** Those of them that somebody named: which lanes with work are behind them is not known. */
  readonly #named = new Set<string>();
  /** Wanted as well, and not asked for again before a time. */
  readonly #locked = new Set<string>();
  /** By tenant: lanes that were seen with work and can be claimed once the tenant is this worker's. */
  readonly #behind = new Map<string, Map<string, SeenLane>>();
  #lockedUntilMs = 0;

  constructor(options: LimitedLanesOptions) {
    this.#options = options;
  }

  get hasWanted(): boolean {
    return this.#wanted.size > 0;
  }

  /** Whether a lane that was seen with work may be claimed as it is; what has to be this worker's first is wanted. */
  admits(seen: SeenLane): boolean {
    const { lane, access, tenantAccess, groups } = seen;
    if (access === 'blocked' || access === 'probe') return false;
    if (groups.tenant === null || this.#isReady(groups.tenant, tenantAccess)) {
      return this.#isReady(lane, access);
    }
    if (tenantAccess !== 'theirs') this.#await(groups.tenant, seen);
    // It has to be given up to the owner of its tenant.
    else if (access === 'mine') this.want(lane);
    return false;
  }

  /** Notes that the rule of a lane or tenant has to be read, and that it is to be taken if it can be. */
  want(lane: string): void {
    this.#wanted.add(lane);
    this.#named.add(lane);
  }

  /** Wants what another worker owns of a lane that was seen with work: that worker may be frozen. */
  wantTheirs({ lane, access, tenantAccess, groups }: SeenLane): void {
    if (access === 'theirs') this.want(lane);
    if (tenantAccess === 'theirs' && groups.tenant !== null) this.want(groups.tenant);
  }

  /** Reads the rules of all that is this worker's again: what was told of them meanwhile has not been heard. */
  async takeOwnedAgain(workerNumber: number): Promise<void> {
    for (const lane of this.#options.book.owned.names) this.want(lane);
    while (this.hasWanted) await this.take(workerNumber);
  }

  /**
   * Takes what is wanted and can be owned. A lane that turns out to have no limits is claimed like any other. What is locked keeps the
   * rule that is known and stays wanted.
   *
   * Returns whether all lanes have to be looked at, because it is not known which lanes of a tenant that was taken have work.
   */
  async take(workerNumber: number): Promise<boolean> {
    await this.#releaseLeft(workerNumber);
    this.#wantLockedAgain();
    const lanes = [...this.#wanted].slice(0, mostTaken);
    if (lanes.length === 0) return false;
    // Deleted before the answer, so that a change that is announced while it is on its way is read again.
    for (const lane of lanes) this.#wanted.delete(lane);
    const rules = await this.#readRules(lanes, workerNumber).catch((error: unknown) => {
      for (const lane of lanes) this.want(lane);
      throw error;
    });
    let needsScan = false;
    for (const lane of lanes) {
      const row = rules.get(lane);
      const isNewTenant = row !== 'unreadable' && row?.is_tenant === true && this.#isNew(row);
      // Other workers knew of lanes that they cannot claim from any more.
      needsScan ||= isNewTenant && (this.#named.has(lane) || !this.#behind.has(lane));
      this.#named.delete(lane);
      this.#learn(lane, row);
    }
    return needsScan;
  }

  /** Gives up those that have been idle. */
  async releaseIdle(workerNumber: number): Promise<void> {
    const lanes = this.#options.book.releaseIdle(performance.now());
    if (lanes.length === 0) return;
    await runSql(this.#options.pool, releaseSql, { workerNumber, lanes, isWanted: false });
  }

  /** Gives up lanes whose tenant is another worker's, once nothing of them is in flight: their limits hold all the time. */
  async #releaseLeft(workerNumber: number): Promise<void> {
    const lanes = this.#options.book.releaseLeft();
    if (lanes.length === 0) return;
    await runSql(this.#options.pool, releaseSql, { workerNumber, lanes, isWanted: true });
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
      if (!this.#admitBehind(lane)) book.addAll(lane);
      return;
    }
    switch (row.access) {
      case 'anyone':
        book.disown(lane);
        this.#use(row);
        break;
      case 'mine':
        // It has our number although we do not know it: how much its former holder has sent to it is unknown.
        book.own(lane, { rule: ruleOf(row, { isUsedUp: row.was_own && this.#isNew(row) }), nowMs });
        if (row.is_tenant) this.#admitBehind(lane);
        else this.#use(row);
        break;
      case 'locked':
        if (this.#locked.size === 0) this.#lockedUntilMs = nowMs + lockedAgainMs;
        this.#locked.add(lane);
        break;
      case 'other':
        book.disown(lane);
        if (row.is_tenant) this.#behind.delete(lane);
        else if (row.tenant_access === 'unowned') this.#awaitTenantOf(row);
        break;
      default:
        row.access satisfies never;
    }
    // They are kept or given up with the tenant.
    if (row.is_tenant) for (const owned of book.owned.lanesOf(lane)) this.want(owned);
  }

  /** Claims from a lane as far as its tenant allows it. */
  #use(row: RuleRow): void {
    const { book } = this.#options;
    const { lane, tenant, tenant_access: access } = row;
    const isFree = tenant === null || access === null || access === 'anyone';
    if (isFree || (access === 'mine' && book.owned.has(tenant))) book.addAll(lane, groupsOf(row));
    else if (access === 'theirs') book.owned.leave(lane);
    else this.#awaitTenantOf(row);
  }

  #awaitTenantOf(row: RuleRow): void {
    const groups = groupsOf(row);
    if (groups === undefined || groups.tenant === null) return;
    const access = row.access === 'anyone' ? 'anyone' : 'unowned';
    const seen = { lane: row.lane, access, dueMs: 0, groups, tenantAccess: 'unowned' } as const;
    for (const priority of priorities) this.#await(groups.tenant, { ...seen, priority });
    this.#wanted.add(groups.tenant);
  }

  #await(tenant: string, seen: SeenLane): void {
    const lanes = this.#behind.get(tenant) ?? new Map<string, SeenLane>();
    this.#behind.set(tenant, lanes.set(`${seen.lane}:${seen.priority}`, seen));
  }

  /** Lets the lanes in that have waited for a tenant; whether there are any. */
  #admitBehind(tenant: string): boolean {
    const lanes = this.#behind.get(tenant);
    if (lanes === undefined) return false;
    this.#behind.delete(tenant);
    for (const seen of lanes.values()) {
      if (seen.access === 'anyone') this.#options.book.add(seen);
      else this.want(seen.lane);
    }
    return true;
  }

  #isNew({ lane, access }: RuleRow): boolean {
    return access === 'mine' && !this.#options.book.owned.has(lane);
  }

  #isReady(key: string, access: TenantAccess): boolean {
    if (access === 'anyone' || (access === 'mine' && this.#options.book.owned.has(key)))
      return true;
    if (access !== 'theirs') this.#wanted.add(key);
    return false;
  }

  #wantLockedAgain(): void {
    if (this.#locked.size === 0 || performance.now() < this.#lockedUntilMs) return;
    for (const lane of this.#locked) this.want(lane);
    this.#locked.clear();
  }
}
