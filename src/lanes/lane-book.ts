import { type LaneGroups, ownGroup } from '../domain/lane.ts';
import type { StrainLevel } from '../domain/strain.ts';
import { ActiveLanes, type LaneOffer } from './active-lanes.ts';
import { type Claimed, ClaimYield } from './claim-yield.ts';
import { Groups } from './groups.ts';
import type { HeldBackGroup } from './held-back.ts';
import type { DiscoveredLane } from './lane.ts';
import { LaneChoice } from './lane-choice.ts';
import type { LaneWish } from './lane-wish.ts';
import { type LaneRule, OwnedLanes } from './owned-lanes.ts';
import { PriorityTurns } from './priority-turns.ts';
import type { Begun, Placed, RequestEnd } from './request.ts';
import { noteDepth, priorities, type WaitingLane } from './share-rings.ts';
import { WaitingLanes } from './waiting-lanes.ts';

/** That of all webhooks to an ordered endpoint, as outbox_to_queue() has it. */
const orderedPriority = 1;
/** A limited lane without work for this long is given up, so that another worker can own it. */
export const usualReleaseAfterMs = 5_000;

/**
 * Which lanes have work and how much each may have in flight, as this process knows it. Decides what the next claim
 * asks for: high before normal before low, and within a priority an equal share to each top group that has room, within
 * it to each origin, and within that to each lane.
 *
 * Memory only: what it does not know, the discovery window and the scan of all lanes tell it. Nothing is lost with it.
 */
export class LaneBook {
  /** The limited lanes and tenants whose limits this process keeps. */
  readonly owned = new OwnedLanes();
  readonly #active: ActiveLanes;
  readonly #groups: Groups;
  readonly #waiting: WaitingLanes;
  readonly #turns = new PriorityTurns();
  readonly #releaseAfterMs: number;

  /**
   * @param options most: requests that this process may have in flight. One lane may have half of them, so that one endpoint that turns
   * slow never takes them all, and a tenant or an origin three quarters.
   */
  constructor(options: { most: number; maxSlots?: number; releaseAfterMs?: number }) {
    const { most, maxSlots = Math.max(1, Math.ceil(most / 2)) } = options;
    this.#releaseAfterMs = options.releaseAfterMs ?? usualReleaseAfterMs;
    this.#active = new ActiveLanes(maxSlots);
    this.#groups = new Groups(most);
    this.#waiting = new WaitingLanes(this.#groups);
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** How many slots a tenant or an origin has that is not known yet: none when those that do not answer hold three quarters of all. */
  get usualGroupSlots(): number {
    return this.#groups.usualSlots;
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  /** When the next lane is ready that waits for nothing but a time; infinite when there is none. */
  get nextReadyMs(): number {
    return this.#waiting.rings.nextReadyMs;
  }

  /** Chooses lanes for a claim of at most `room` webhooks. */
  choose(room: number, nowMs: number): LaneWish[] {
    const choice = new LaneChoice({
      rings: this.#waiting.rings,
      groups: this.#groups,
      room,
      nowMs,
      freeSlots: (lane) => this.#freeSlots(lane, nowMs),
      readyAtMs: (lane) =>
        Math.max(this.owned.readyAtMs(lane, nowMs), this.#active.restUntilMs(lane, nowMs)),
      owned: this.owned,
      ahead: (lane) =>
        Math.min(this.owned.ahead(lane, nowMs), this.#active.acceptedNow(lane, nowMs)),
    });
    this.#turns.divide(choice, { room, isShared: this.#active.isShared });
    return this.owned.withinRates(choice.end(), nowMs);
  }

  /**
   * How many webhooks a claim with these wishes may give, of `room`: what it finds beyond them belongs to groups that may
   * not answer, and these must not get the last quarter of the slots.
   */
  limitOf(wishes: readonly LaneWish[], room: number): number {
    const wished = wishes.reduce((sum, { quota }) => sum + quota, 0);
    return Math.min(room, wished + this.#groups.untrustedRoom);
  }

  /** Learns from a claim: which lanes gave what, and which lanes the window saw. */
  learn(claim: {
    readonly wishes: readonly LaneWish[];
    readonly claimed: readonly Claimed[];
    readonly discovered: readonly DiscoveredLane[];
    /** The claim gave all it was asked for, so a lane that gave nothing may still have work. */
    readonly wasFull: boolean;
  }): void {
    this.#groups.clearWishes();
    const given = new ClaimYield();
    for (const webhook of claim.claimed) {
      const place = this.#placeOf(webhook);
      given.add(place);
      this.owned.noteHead(webhook.lane, given.of(place).firstDueMs);
    }
    const exhausted: WaitingLane[] = [];
    for (const wish of claim.wishes) {
      const waiting = this.#waiting.get(wish);
      const { count, firstDueMs, lastDueMs } = given.of(wish);
      if (waiting === undefined) continue;
      const isDeep = count >= wish.quota;
      // Ordered lanes have places of their own in a claim, however full it is.
      const isOrdered = this.owned.isOrdered(wish.lane);
      const mayHaveMore = isDeep || (claim.wasFull && !isOrdered);
      if (!mayHaveMore) exhausted.push(waiting);
      else if (count > 0) {
        // 1 ms back: the time is rounded on its way. What was claimed of an ordered lane may come back.
        waiting.dueFromMs = (isOrdered ? firstDueMs : lastDueMs) - 1;
        noteDepth(waiting, isDeep);
      }
    }
    for (const waiting of exhausted) {
      noteDepth(waiting, false);
      this.#waiting.forget(waiting);
    }
    for (const seen of claim.discovered) {
      if (given.of(this.#placeOf(seen)).count < seen.waiting) this.add(seen);
    }
    this.#turns.count(claim.claimed.length);
  }

  /** Notes that a lane has work due from a time on. */
  add(lane: Placed & { readonly priority: number; readonly dueMs: number }): void {
    const fromMs = this.owned.orderedFromMs(lane.lane) ?? lane.dueMs;
    this.#waiting.add({ ...this.#placeOf(lane), dueMs: Math.min(lane.dueMs, fromMs) });
  }

  /** Notes that a lane may have work, whatever its priority and age. Without groups it keeps those that are known, or is one of its own. */
  addAll(lane: string, groups?: LaneGroups): void {
    const known = groups ?? this.#groupsOf(lane) ?? ownGroup(lane);
    for (const priority of priorities) this.add({ lane, priority, dueMs: 0, groups: known });
    this.#waiting.free(lane);
  }

  /** A request begins. */
  begin(webhook: Placed, nowMs: number): Begun {
    this.owned.begin(webhook.lane, nowMs);
    if (webhook.groups.tenant !== null) this.owned.begin(webhook.groups.tenant, nowMs);
    const lane = this.#active.begin(webhook, nowMs);
    return { lane, ...this.#groups.begin(webhook.groups, nowMs) };
  }

  /** A request ended. */
  end({ lane, groups }: Placed, end: RequestEnd): void {
    const { begun, verdict, answered, refusal, tookMs, nowMs } = end;
    this.owned.noteTurn(lane, { isDelivered: verdict === 'ok', tookMs: tookMs ?? 0 });
    this.#active.end(lane, { epoch: begun.lane, verdict, refusal, nowMs });
    this.#groups.end(groups, { begun, answered, isOverload: verdict === 'overload', nowMs });
    this.#waiting.free(lane);
    this.#freeGroup(groups.origin);
    if (groups.tenant !== null) this.#freeGroup(groups.tenant);
  }

  /** The receiver asks for a pause: the lane is looked at again when it is over. */
  pause({ lane, groups }: Placed, pause: { pauseMs: number; nowMs: number }): void {
    this.#active.pause(lane, pause);
    this.addAll(lane, groups);
  }

  /** The lane is well again after its breaker was open: one request at first, and then as many more as succeed. */
  slowStart(lane: string, nowMs: number): void {
    this.#active.slowStart(lane, nowMs);
  }

  /** The origin is well again: one request at first over all its lanes, and then as many more as are answered. */
  slowStartOrigin(origin: string, nowMs: number): void {
    this.#groups.slowStart(origin, nowMs);
    this.#freeGroup(origin);
  }

  /** Notes whether a lane works off a backlog: what it was given last had waited for long. */
  noteAge(lane: string, age: { isBehind: boolean }): void {
    this.#active.noteAge(lane, age);
    const groups = this.#groupsOf(lane);
    if (groups !== undefined) this.#groups.noteAge(groups, age);
  }

  /** After each round: whether backlogs have to hold back for what has just arrived. */
  setStrain(level: StrainLevel): void {
    this.#active.setStrain(level);
    this.#groups.setStrain(level);
  }

  /**
   * What the claim may give to lanes that it discovers itself: no more than the free slots of lanes that have fewer than usual, and of
   * tenants and origins that have fewer or more. Together no more than groups may begin that have not answered lately.
   */
  offer(nowMs: number): LaneOffer & { readonly maxFound: number } {
    const constrained = this.#groups.constrained(nowMs);
    const lanes = this.#active.offer(nowMs);
    // A lane whose groups are not known has the key of its own group.
    for (const [lane, slots] of Object.entries(lanes.constrained)) {
      constrained[lane] = Math.min(slots, constrained[lane] ?? slots);
    }
    return { constrained, usualSlots: lanes.usualSlots, maxFound: this.#groups.untrustedRoom };
  }

  /** The tenants and origins that have waiting lanes and no room; at most 50. */
  heldBack(nowMs: number): HeldBackGroup[] {
    return this.#waiting.heldBack.look({ owned: this.owned, nowMs });
  }

  /** The lane or tenant is limited, and this process's: it keeps to the rule from now on. */
  own(lane: string, { rule, nowMs }: { rule: LaneRule; nowMs: number }): void {
    this.owned.own(lane, { rule, nowMs });
    this.#waiting.free(lane);
    this.#freeGroup(lane);
    for (const priority of priorities) this.#keepInOnePlace({ lane, priority });
  }

  /** The lane or tenant is not limited any more, or another's. */
  disown(lane: string): void {
    this.owned.disown(lane);
    this.#waiting.free(lane);
    this.#freeGroup(lane);
  }

  /** Gives up the limited lanes and tenants that have had no work for a while; says which. */
  releaseIdle(nowMs: number): string[] {
    const idle = this.owned.names.filter(
      (lane) =>
        !this.#waiting.hasLane(lane) &&
        this.#active.inFlight(lane) === 0 &&
        (this.#groups.find(lane)?.uses ?? 0) === 0 &&
        this.owned.isIdle(lane, { nowMs, afterMs: this.#releaseAfterMs }),
    );
    for (const lane of idle) this.owned.disown(lane);
    return idle;
  }

  /** Gives up the lanes that are to be left and have nothing in flight any more; says which. */
  releaseLeft(): string[] {
    const left = [...this.owned.leaving].filter((lane) => this.#active.inFlight(lane) === 0);
    for (const lane of left) this.disown(lane);
    return left;
  }

  /** Forgets what was learnt about lanes and groups that have been idle for ten minutes. */
  sweep(nowMs: number): void {
    this.#active.sweep(nowMs);
    this.#groups.sweep(nowMs);
  }

  #groupsOf(lane: string): LaneGroups | undefined {
    return this.#waiting.groupsOf(lane) ?? this.#active.groupsOf(lane);
  }

  #freeGroup(key: string): void {
    const group = this.#groups.find(key);
    if (group !== undefined) this.#waiting.rings.free(group);
  }

  #freeSlots(lane: string, nowMs: number): number {
    const inFlight = this.#active.inFlight(lane);
    return Math.min(
      this.#active.freeSlots(lane, nowMs),
      this.owned.room(lane, { inFlight, nowMs }),
    );
  }

  /** Where a lane waits. An ordered one waits as a whole: a claim gives its first webhook, whatever its priority. */
  #placeOf<Known extends { lane: string; priority: number }>(place: Known): Known {
    return this.owned.isOrdered(place.lane) ? { ...place, priority: orderedPriority } : place;
  }

  #keepInOnePlace(place: { lane: string; priority: number }): void {
    const waiting = this.#waiting.get(place);
    if (waiting === undefined || this.#placeOf(place).priority === place.priority) return;
    const { groups } = waiting.of;
    this.#waiting.forget(waiting);
    this.add({ ...place, groups, dueMs: waiting.dueFromMs });
  }
}
