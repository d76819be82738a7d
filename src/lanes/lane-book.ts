import { ReservedTurns } from '../domain/reserved-turns.ts';
import type { StrainLevel } from '../domain/strain.ts';
import { ActiveLanes, type LaneEnd } from './active-lanes.ts';
import type { DiscoveredLane, LaneGroups } from './lane.ts';
import type { LaneWish } from './lane-wish.ts';
import { type LaneRule, OwnedLanes } from './owned-lanes.ts';
import { key, priorities, type WaitingLane, WaitingLanes } from './waiting-lanes.ts';

/** What a claimed webhook says about its place in the queue. */
interface Claimed {
  readonly lane: string;
  readonly priority: number;
  readonly dueMs: number;
}

/**
 * With many lanes a turn is small, and looking a lane up costs as much as two of its webhooks: lanes that had all they
 * were asked for have at least this many in a turn, and their turns come less often.
 */
const leastShare = 4;
/** That of all webhooks to an ordered endpoint, as outbox_to_queue() has it. */
const orderedPriority = 1;
/** A limited lane without work for this long is given up, so that another worker can own it. */
export const usualReleaseAfterMs = 5_000;

/**
 * Which lanes have work and how much each may have in flight, as this process knows it. Decides what the next claim
 * asks for: high before normal before low, and within a priority an equal share to each lane that has room.
 *
 * Memory only: what it does not know, the discovery window and the scan of all lanes tell it. Nothing is lost with it.
 */
export class LaneBook {
  readonly #active: ActiveLanes;
  readonly #waiting = new WaitingLanes();
  readonly #owned = new OwnedLanes();
  readonly #turns = new ReservedTurns();
  /** Requests in flight, by tenant. */
  readonly #ofTenants = new Map<string, number>();
  readonly #releaseAfterMs: number;
  #lastClaimed = 0;

  constructor(options: { maxSlots: number; releaseAfterMs?: number }) {
    this.#releaseAfterMs = options.releaseAfterMs ?? usualReleaseAfterMs;
    this.#active = new ActiveLanes(options.maxSlots);
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** How many slots a lane has that is not known yet. */
  get usualSlots(): number {
    return this.#active.usualSlots;
  }

  /** The limited lanes whose limits this process keeps. */
  get ownedLanes(): readonly string[] {
    return this.#owned.names;
  }

  /** Whether this process keeps the limits of a tenant. */
  get ownsTenants(): boolean {
    return this.#owned.hasTenants;
  }

  /** When the next lane is ready that waits for nothing but a time; infinite when there is none. */
  get nextReadyMs(): number {
    return this.#waiting.nextReadyMs;
  }

  /** Chooses lanes for a claim of at most `room` webhooks. */
  choose(room: number, nowMs: number): LaneWish[] {
    this.#waiting.unparkReady(nowMs);
    const wishes = new Map<WaitingLane, LaneWish>();
    let left = room;
    // While better priorities hold back, a tenth of what they take, not of what there is room for.
    const reserved = this.#turns.dueIn(
      this.#active.isShared ? Math.min(this.#lastClaimed, room) : room,
    );
    for (let turn = 0; turn < reserved; turn += 1) {
      for (const priority of this.#turns.orderOf(turn)) {
        if (!this.#isOutranked(priority)) continue;
        const taken = this.#take({ priority, room: 1, rank: 0, wishes, nowMs });
        left -= taken;
        if (taken > 0) break;
      }
    }
    for (const priority of priorities) {
      if (left === 0) break;
      const taken = this.#take({ priority, room: left, rank: 1, wishes, nowMs });
      left -= taken;
      // While backlogs hold back, what the better ones leave is left for what may arrive: the lesser have their turns.
      if (this.#active.isShared && taken > 0) break;
    }
    return [...wishes.values()];
  }

  /** Learns from a claim: which lanes gave what, and which lanes the window saw. */
  learn(claim: {
    readonly wishes: readonly LaneWish[];
    readonly claimed: readonly Claimed[];
    readonly discovered: readonly DiscoveredLane[];
    /** The claim gave all it was asked for, so a lane that gave nothing may still have work. */
    readonly wasFull: boolean;
  }): void {
    const given = new Map<string, { count: number; lastDueMs: number }>();
    for (const webhook of claim.claimed) {
      const name = key(this.#placeOf(webhook));
      const known = given.get(name);
      given.set(name, {
        count: (known?.count ?? 0) + 1,
        lastDueMs: Math.max(known?.lastDueMs ?? 0, webhook.dueMs),
      });
      this.#owned.noteHead(webhook.lane, webhook.dueMs);
    }
    for (const wish of claim.wishes) {
      const waiting = this.#waiting.get(wish);
      const got = given.get(key(wish));
      if (waiting === undefined) continue;
      // Ordered lanes have places of their own in a claim, however full it is.
      const mayHaveMore = claim.wasFull && !this.#owned.isOrdered(wish.lane);
      if ((got?.count ?? 0) < wish.quota && !mayHaveMore) this.#waiting.forget(waiting);
      else if (got !== undefined) {
        // 1 ms back: the time is rounded on its way.
        waiting.dueFromMs = got.lastDueMs - 1;
        waiting.isDeep = got.count >= wish.quota;
      }
    }
    for (const seen of claim.discovered) {
      if ((given.get(key(this.#placeOf(seen)))?.count ?? 0) < seen.waiting) this.add(seen);
    }
    this.#lastClaimed = claim.claimed.length;
    this.#turns.count(claim.claimed.length);
  }

  /** Notes that a lane has work due from a time on. */
  add(seen: {
    readonly lane: string;
    readonly priority: number;
    readonly dueMs: number;
    readonly groups?: LaneGroups | undefined;
  }): void {
    const { lane, priority, dueMs, groups } = seen;
    const fromMs = this.#owned.orderedFromMs(lane) ?? dueMs;
    const place = this.#placeOf({ lane, priority });
    this.#waiting.add({ ...place, groups, dueMs: Math.min(dueMs, fromMs) });
  }

  /** Notes that a lane may have work, whatever its priority and however old. */
  addAll(lane: string, groups?: LaneGroups): void {
    for (const priority of priorities) this.add({ lane, priority, dueMs: 0, groups });
    this.#waiting.unpark(lane);
  }

  /** A request of the lane begins; the epoch is to be given back when it ends. */
  begin(lane: string, nowMs: number, tenant: string | null = null): number {
    this.#owned.begin(lane, nowMs);
    if (tenant !== null) {
      this.#owned.begin(tenant, nowMs);
      this.#ofTenants.set(tenant, this.#inFlightOf(tenant) + 1);
    }
    return this.#active.begin(lane, nowMs);
  }

  /** A request of the lane ended. */
  end(lane: string, end: LaneEnd, tenant: string | null = null): void {
    this.#active.end(lane, end);
    this.#waiting.unpark(lane);
    if (tenant === null) return;
    const left = this.#inFlightOf(tenant) - 1;
    if (left > 0) this.#ofTenants.set(tenant, left);
    else this.#ofTenants.delete(tenant);
    this.#waiting.unpark(tenant);
  }

  /** The receiver asks for a pause: the lane is looked at again when it is over. */
  pause(lane: string, pause: { pauseMs: number; nowMs: number }): void {
    this.#active.pause(lane, pause);
    this.addAll(lane);
  }

  /** The lane is well again after its breaker was open: one request at first, and then as many more as succeed. */
  slowStart(lane: string, nowMs: number): void {
    this.#active.slowStart(lane, nowMs);
  }

  /** Notes whether a lane works off a backlog: what it was given last had waited for long. */
  noteAge(lane: string, age: { isBehind: boolean }): void {
    this.#active.noteAge(lane, age);
  }

  /** After each round: whether backlogs have to hold back for what has just arrived. */
  setStrain(level: StrainLevel): void {
    this.#active.setStrain(level);
  }

  /** Lanes with fewer free slots than usual: the claim must not give a lane it discovers more than these. */
  constrained(nowMs: number): Record<string, number> {
    return this.#active.constrained(nowMs);
  }

  /** Whether this process keeps the limits of the lane or tenant. */
  owns(lane: string): boolean {
    return this.#owned.has(lane);
  }

  /** Whether the lane is this process's, and is sent to in order. */
  isOrdered(lane: string): boolean {
    return this.#owned.isOrdered(lane);
  }

  /** The limited lanes of a limited tenant whose limits this process keeps. */
  ownedLanesOf(tenant: string): readonly string[] {
    return this.#owned.lanesOf(tenant);
  }

  /** The lane or tenant is limited, and this process's: it keeps to the rule from now on. */
  own(lane: string, { rule, nowMs }: { rule: LaneRule; nowMs: number }): void {
    this.#owned.own(lane, { rule, nowMs });
    this.#waiting.unpark(lane);
    for (const priority of priorities) this.#keepInOnePlace({ lane, priority });
  }

  /** The tenant of the lane is another worker's: nothing more is sent from here, and the lane is given up. */
  leave(lane: string): void {
    this.#owned.leave(lane);
  }

  /** The lane or tenant is not limited any more, or another's. */
  disown(lane: string): void {
    this.#owned.disown(lane);
    this.#waiting.unpark(lane);
  }

  /** Gives up the limited lanes and tenants that have had no work for a while; says which. */
  releaseIdle(nowMs: number): string[] {
    const waiting = this.ownsTenants ? this.#waiting.tenants : undefined;
    const idle = this.#owned.names.filter(
      (lane) =>
        !this.#waiting.hasLane(lane) &&
        waiting?.has(lane) !== true &&
        this.#active.inFlight(lane) === 0 &&
        this.#inFlightOf(lane) === 0 &&
        this.#owned.isIdle(lane, { nowMs, afterMs: this.#releaseAfterMs }),
    );
    for (const lane of idle) this.#owned.disown(lane);
    return idle;
  }

  /** Gives up the lanes that are to be left and have nothing in flight any more; says which. */
  releaseLeft(): string[] {
    const left = [...this.#owned.leaving].filter((lane) => this.#active.inFlight(lane) === 0);
    for (const lane of left) this.disown(lane);
    return left;
  }

  /** Forgets what was learnt about lanes that have been idle for ten minutes. */
  sweep(nowMs: number): void {
    this.#active.sweep(nowMs);
  }

  #take(share: {
    priority: number;
    room: number;
    rank: number;
    wishes: Map<WaitingLane, LaneWish>;
    nowMs: number;
  }): number {
    const { priority, nowMs, wishes } = share;
    const lanes = this.#waiting.inRing(priority);
    const fair = Math.max(1, Math.ceil(share.room / Math.max(1, lanes)));
    let left = share.room;
    const wishedOf = new Map<string, number>();
    for (const { groups, quota } of wishes.values()) {
      if (groups.tenant !== null) {
        wishedOf.set(groups.tenant, quota + (wishedOf.get(groups.tenant) ?? 0));
      }
    }
    for (let looked = 0; looked < lanes && left > 0; looked += 1) {
      const waiting = this.#waiting.next(priority);
      if (waiting === undefined) break;
      const free = this.#freeSlots(waiting.lane, nowMs);
      if (free <= 0) {
        this.#waiting.park(waiting, this.#readyAtMs(waiting.lane, nowMs));
        continue;
      }
      const { tenant } = waiting.groups;
      const ofTenant = this.#roomOf(tenant, nowMs);
      if (tenant !== null && ofTenant <= 0) {
        this.#waiting.park(waiting, this.#owned.readyAtMs(tenant, nowMs), tenant);
        continue;
      }
      const most = waiting.isDeep ? Math.max(fair, leastShare) : fair;
      const freeOfTenant = ofTenant - (wishedOf.get(tenant ?? '') ?? 0);
      const freeOfLane = free - this.#wished(waiting.lane, wishes);
      const quota = Math.min(freeOfLane, freeOfTenant, most, left);
      if (quota <= 0) continue;
      if (tenant !== null) wishedOf.set(tenant, quota + (wishedOf.get(tenant) ?? 0));
      const wish = wishes.get(waiting);
      wishes.set(waiting, {
        lane: waiting.lane,
        priority: waiting.priority,
        quota: (wish?.quota ?? 0) + quota,
        dueFromMs: waiting.dueFromMs,
        groups: waiting.groups,
        rank: wish?.rank ?? share.rank,
        isOwned: this.#owned.has(waiting.lane) || (tenant !== null && this.#owned.has(tenant)),
      });
      left -= quota;
    }
    return share.room - left;
  }

  #freeSlots(lane: string, nowMs: number): number {
    const inFlight = this.#active.inFlight(lane);
    return Math.min(
      this.#active.freeSlots(lane, nowMs),
      this.#owned.room(lane, { inFlight, nowMs }),
    );
  }

  #inFlightOf(tenant: string): number {
    return this.#ofTenants.get(tenant) ?? 0;
  }

  /** How many more requests a tenant's own limits allow. */
  #roomOf(tenant: string | null, nowMs: number): number {
    if (tenant === null) return Number.POSITIVE_INFINITY;
    return this.#owned.room(tenant, { inFlight: this.#inFlightOf(tenant), nowMs });
  }

  /** When time alone will give the lane room; 0 when it is not time that it waits for. */
  #readyAtMs(lane: string, nowMs: number): number {
    return Math.max(this.#owned.readyAtMs(lane, nowMs), this.#active.restUntilMs(lane, nowMs));
  }

  /** Where a lane waits. An ordered one waits as a whole: a claim gives its first webhook, whatever its priority. */
  #placeOf<Place extends { lane: string; priority: number }>(place: Place): Place {
    return this.#owned.isOrdered(place.lane) ? { ...place, priority: orderedPriority } : place;
  }

  #keepInOnePlace(place: { lane: string; priority: number }): void {
    const waiting = this.#waiting.get(place);
    if (waiting === undefined || this.#placeOf(place).priority === place.priority) return;
    this.#waiting.forget(waiting);
    this.add({ ...place, groups: waiting.groups, dueMs: waiting.dueFromMs });
  }

  /** The same lane may already be wished for in another priority: its slots are one. */
  #wished(lane: string, wishes: ReadonlyMap<WaitingLane, LaneWish>): number {
    let wished = 0;
    for (const priority of priorities) {
      const other = this.#waiting.get({ lane, priority });
      if (other !== undefined) wished += wishes.get(other)?.quota ?? 0;
    }
    return wished;
  }

  #isOutranked(priority: number): boolean {
    return priorities.some((better) => better < priority && this.#waiting.inRing(better) > 0);
  }
}
