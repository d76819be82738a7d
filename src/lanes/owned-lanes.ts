import { type Ahead, delivered, lengthOf, undelivered, unknownAhead } from '../domain/ahead.ts';
import { allowedBy, createPace, type Pace, readyAtMs, spend, usedUp } from '../domain/pace.ts';
import type { LaneWish } from './lane-wish.ts';

/** What this process must keep to with a lane or a tenant that it owns. */
export interface LaneRule {
  readonly isOrdered: boolean;
  /** The limits are those of a tenant, for all of its lanes together. */
  readonly isTenant?: boolean;
  /** Whose the lane is, whether that tenant is limited or not. */
  readonly tenant?: string | null;
  readonly maxInFlight: number | null;
  readonly ratePerS: number | null;
  /** The rate may be used from now + this on; 0: nothing of it is used. */
  readonly rateInMs: number;
  /** Ordered: the webhook at the head is tried again in this time. */
  readonly retryInMs: number;
}

interface OwnedLane {
  readonly isTenant: boolean;
  readonly tenant: string | null;
  readonly maxInFlight: number;
  pace: Pace | undefined;
  heldUntilMs: number;
  orderedFromMs: number | undefined;
  ahead: Ahead;
  /** Of a tenant: webhooks of its ordered lanes that were claimed and are sent soon. Its rate is used up for them. */
  awaited: number;
  usedMs: number;
}

/**
 * The limited lanes and tenants that are this process's alone (posthorn.lane_rules.owner): their limits are kept here, in
 * memory, and so hold over all workers. A tenant goes by its key. Times are ms of performance.now().
 */
export class OwnedLanes {
  readonly #lanes = new Map<string, OwnedLane>();
  /** Lanes whose tenant is another worker's now. */
  readonly #leaving = new Set<string>();
  #tenants = 0;

  get names(): string[] {
    return [...this.#lanes.keys()];
  }

  get hasTenants(): boolean {
    return this.#tenants > 0;
  }

  /** Lanes that are to be given up as soon as none of their requests is in flight. */
  get leaving(): ReadonlySet<string> {
    return this.#leaving;
  }

  has(lane: string): boolean {
    return this.#lanes.has(lane);
  }

  isTenant(key: string): boolean {
    return this.#lanes.get(key)?.isTenant ?? false;
  }

  /** The limited lanes of a tenant. */
  lanesOf(tenant: string): string[] {
    const lanes: string[] = [];
    for (const [lane, owned] of this.#lanes) if (owned.tenant === tenant) lanes.push(lane);
    return lanes;
  }

  /** Adopts the rule of a lane. Its pace continues, even if the rate has changed. */
  own(lane: string, { rule, nowMs }: { rule: LaneRule; nowMs: number }): void {
    const known = this.#lanes.get(lane);
    this.disown(lane);
    this.#lanes.set(lane, {
      isTenant: rule.isTenant ?? false,
      tenant: rule.tenant ?? null,
      maxInFlight: rule.isOrdered ? 1 : (rule.maxInFlight ?? Number.POSITIVE_INFINITY),
      pace: rule.ratePerS === null ? undefined : paceOf(rule.ratePerS, { rule, known, nowMs }),
      heldUntilMs: nowMs + rule.retryInMs,
      orderedFromMs: rule.isOrdered ? 0 : undefined,
      ahead: known?.ahead ?? unknownAhead,
      awaited: known?.awaited ?? 0,
      usedMs: nowMs,
    });
    if (rule.isTenant === true) this.#tenants += 1;
  }

  /** No more of the lane is sent from here: its tenant is another worker's. */
  leave(lane: string): void {
    if (this.#lanes.has(lane)) this.#leaving.add(lane);
  }

  disown(lane: string): void {
    if (this.isTenant(lane)) this.#tenants -= 1;
    this.#lanes.delete(lane);
    this.#leaving.delete(lane);
  }

  /** How many more requests the rules allow; infinite for lanes without. */
  room(lane: string, { inFlight, nowMs }: { inFlight: number; nowMs: number }): number {
    const owned = this.#lanes.get(lane);
    if (owned === undefined) return Number.POSITIVE_INFINITY;
    if (owned.heldUntilMs > nowMs || this.#leaving.has(lane)) return 0;
    const slots = owned.maxInFlight - inFlight;
    return Math.min(slots, allowedNow(owned, nowMs));
  }

  /** When time alone will give the lane room again; 0 when it is not time that it waits for. */
  readyAtMs(lane: string, nowMs: number): number {
    const owned = this.#lanes.get(lane);
    if (owned === undefined) return 0;
    if (owned.heldUntilMs > nowMs) return owned.heldUntilMs;
    if (owned.pace === undefined || allowedBy(owned.pace, nowMs) > 0) return 0;
    return readyAtMs(owned.pace);
  }

  /** A request of the lane begins. */
  begin(lane: string, nowMs: number): void {
    const owned = this.#lanes.get(lane);
    if (owned === undefined) return;
    owned.usedMs = nowMs;
    if (owned.pace !== undefined) owned.pace = spend(owned.pace, nowMs);
  }

  isOrdered(lane: string): boolean {
    return this.orderedFromMs(lane) !== undefined;
  }

  /**
   * Ordered lanes only: the due time of the first webhook of the last claim. All that was due earlier has ended. Undefined for other
   * lanes.
   */
  orderedFromMs(lane: string): number | undefined {
    return this.#lanes.get(lane)?.orderedFromMs;
  }

  /** Webhooks of an ordered lane of this tenant were claimed and wait for their turn; less than 0: they do not any more. */
  noteAwaited(tenant: string | null, change: number): void {
    const owned = tenant === null ? undefined : this.#lanes.get(tenant);
    if (owned !== undefined) owned.awaited = Math.max(0, owned.awaited + change);
  }

  /** How many webhooks a claim may take from an ordered lane, to be sent one after another at once. */
  ahead(lane: string, nowMs: number): number {
    const owned = this.#lanes.get(lane);
    if (owned?.orderedFromMs === undefined) return 1;
    return Math.max(1, Math.min(lengthOf(owned.ahead), allowedNow(owned, nowMs)));
  }

  /** Cuts what the lanes of a tenant take ahead, so that all of them together begin no more than its rate allows. */
  withinRates(wishes: readonly LaneWish[], nowMs: number): LaneWish[] {
    const left = new Map<string, number>();
    for (const { groups, quota } of wishes) {
      const { tenant } = groups;
      const owned = tenant === null ? undefined : this.#lanes.get(tenant);
      if (tenant === null || owned?.pace === undefined) continue;
      left.set(tenant, (left.get(tenant) ?? allowedNow(owned, nowMs)) - quota);
    }
    if (left.size === 0) return [...wishes];
    return wishes.map((wish) => {
      const { ahead = 1, groups } = wish;
      const room = groups.tenant === null ? undefined : left.get(groups.tenant);
      if (groups.tenant === null || room === undefined || ahead <= 1) return wish;
      const more = Math.min(ahead - 1, Math.max(0, room));
      left.set(groups.tenant, room - more);
      return { ...wish, ahead: more + 1 };
    });
  }

  /** A request of an ordered lane ended. */
  noteTurn(lane: string, { isDelivered, tookMs }: { isDelivered: boolean; tookMs: number }): void {
    const owned = this.#lanes.get(lane);
    if (owned === undefined) return;
    owned.ahead = isDelivered ? delivered(owned.ahead, tookMs) : undelivered(owned.ahead);
  }

  /** A claim took webhooks of the lane, the first of which was due at this time. */
  noteHead(lane: string, dueMs: number): void {
    const owned = this.#lanes.get(lane);
    if (owned?.orderedFromMs !== undefined) owned.orderedFromMs = dueMs;
  }

  /**
   * Whether the lane has had no request for so long that its next owner may use the whole rate. A tenant is not idle while one of
   * its limited lanes is owned: another worker would own the tenant, and none could send to the lane.
   */
  isIdle(lane: string, { nowMs, afterMs }: { nowMs: number; afterMs: number }): boolean {
    const owned = this.#lanes.get(lane);
    if (owned === undefined || nowMs - owned.usedMs < afterMs) return false;
    if (owned.isTenant && this.lanesOf(lane).length > 0) return false;
    return owned.pace === undefined || owned.pace.nextMs <= nowMs;
  }
}

/** How many requests the rate allows now, besides those that are awaited. */
function allowedNow({ pace, awaited }: OwnedLane, nowMs: number): number {
  return pace === undefined ? Number.POSITIVE_INFINITY : allowedBy(pace, nowMs) - awaited;
}

function paceOf(
  ratePerS: number,
  { rule, known, nowMs }: { rule: LaneRule; known: OwnedLane | undefined; nowMs: number },
): Pace {
  const fresh = createPace(ratePerS);
  const nextMs = known?.pace?.nextMs;
  if (nextMs !== undefined) return { ...fresh, nextMs: Math.min(nextMs, nowMs + fresh.intervalMs) };
  return rule.rateInMs > 0 ? usedUp(fresh, nowMs + rule.rateInMs) : fresh;
}
