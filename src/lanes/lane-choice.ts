import { freeGroupSlots, hasAnsweredLately } from '../domain/group-slots.ts';
import type { Group } from './group.ts';
import type { Groups } from './groups.ts';
import type { LaneWish } from './lane-wish.ts';
import type { OwnedLanes } from './owned-lanes.ts';
import type { Place, ShareRings, WaitingGroup, WaitingLane } from './share-rings.ts';

/**
 * With many lanes a turn is small, and looking a lane up costs as much as two of its webhooks: what had all that it was
 * asked for has at least this many in a turn, and its turns come less often.
 */
const leastShare = 4;

interface ChoiceOptions {
  readonly rings: ShareRings;
  readonly groups: Groups;
  /** How much it may wish for. */
  readonly room: number;
  readonly nowMs: number;
  freeSlots(lane: string): number;
  /** When time alone will give the lane room; 0 when it is not time that it waits for. */
  readyAtMs(lane: string): number;
  readonly owned: OwnedLanes;
  /** How many webhooks to take from it if it is ordered. */
  ahead(lane: string): number;
}

/** What a place is to get. */
interface Turn {
  /** An equal part of what is given. What is deep gets a few more. */
  readonly share: number;
  /** The most it may get, for the sake of those beside it. */
  readonly room: number;
  readonly rank: number;
}

/**
 * Makes one choice: gives turns until there is no more room or nobody has a use for it.
 *
 * Each place that is looked at gets something or leaves its ring, so a choice costs what it gives.
 */
export class LaneChoice {
  readonly #options: ChoiceOptions;
  readonly #wishes = new Map<WaitingLane, LaneWish>();
  /** Places that have all that they may have, and are in their rings again afterwards. */
  readonly #aside: Place[] = [];

  constructor(options: ChoiceOptions) {
    this.#options = options;
    options.groups.beginChoice(options);
    options.rings.unpark(options.nowMs);
  }

  /** Gives at most `room` turns to a priority, and says how many it gave. */
  take({ priority, room, rank }: { priority: number; room: number; rank: number }): number {
    const { rings } = this.#options;
    let left = room;
    while (left > 0 && this.hasTurns(priority)) {
      const size = rings.turnsIn(priority);
      const share = Math.ceil(left / size);
      for (let looked = 0; looked < size && left > 0; looked += 1) {
        const place = rings.next(priority);
        if (place === undefined) break;
        left -= this.#give(place, { share, room: left, rank });
      }
    }
    return room - left;
  }

  /** Whether any top group of a priority may have a turn. */
  hasTurns(priority: number): boolean {
    const { rings } = this.#options;
    if (rings.turnsIn(priority) === 0) rings.unparkUntrusted(priority);
    return rings.turnsIn(priority) > 0;
  }

  /** Ends the choice. */
  end(): LaneWish[] {
    for (const place of this.#aside) this.#options.rings.comeBack(place);
    return [...this.#wishes.values()];
  }

  #give(place: Place, turn: Turn): number {
    return place.kind === 'lane' ? this.#giveLane(place, turn) : this.#giveGroup(place, turn);
  }

  #giveGroup(place: WaitingGroup, turn: Turn): number {
    const room = Math.min(wantOf(place, turn), this.#roomOf(place));
    const { ring } = place.branch;
    const { size } = ring;
    const share = Math.ceil(room / size);
    let given = 0;
    for (let looked = 0; looked < size && given < room; looked += 1) {
      const child = ring.next();
      if (child === undefined) break;
      given += this.#give(child, { share, room: room - given, rank: turn.rank });
    }
    return given;
  }

  /** How much a group may get now. If it is nothing, it leaves its ring. */
  #roomOf(place: WaitingGroup): number {
    const { groups, owned, rings, nowMs } = this.#options;
    const { group } = place;
    const { key, inFlight } = group;
    const free = Math.min(freeGroupSlots(group, nowMs), owned.room(key, { inFlight, nowMs }));
    if (free <= 0) {
      const restMs = group.restUntilMs > nowMs ? group.restUntilMs : 0;
      const readyAtMs = Math.max(restMs, owned.readyAtMs(key, nowMs));
      rings.park(place, { until: group, readyAtMs });
      return 0;
    }
    const room = free - group.wished;
    const isTop = place.parent.owner === undefined;
    const shareRoom = isTop ? groups.shareRoom(group) : room;
    const isTrusted = !isTop || hasAnsweredLately(group, nowMs);
    const trustRoom = isTrusted ? room : groups.untrustedRoom;
    const least = Math.min(room, shareRoom, trustRoom);
    if (least > 0) return least;
    // What is wished for may not be there, so these are judged anew next time.
    if (group.wished > 0) this.#setAside(place);
    else if (shareRoom <= 0) rings.parkOverShare(place);
    else rings.parkUntrusted(place);
    return 0;
  }

  #giveLane(waiting: WaitingLane, turn: Turn): number {
    const { rings, groups, nowMs } = this.#options;
    const { lane } = waiting.of;
    const free = this.#options.freeSlots(lane);
    if (free <= 0) {
      rings.park(waiting, { until: waiting.of, readyAtMs: this.#options.readyAtMs(lane) });
      return 0;
    }
    const quota = Math.min(free - this.#wishedOf(waiting), wantOf(waiting, turn));
    if (quota <= 0) {
      this.#setAside(waiting);
      return 0;
    }
    this.#wish(waiting, { quota, rank: turn.rank });
    groups.wish(groupsAbove(waiting), { count: quota, nowMs });
    return quota;
  }

  #wish(waiting: WaitingLane, { quota, rank }: { quota: number; rank: number }): void {
    const { lane, groups } = waiting.of;
    const { owned } = this.#options;
    const wish = this.#wishes.get(waiting);
    this.#wishes.set(waiting, {
      lane,
      priority: waiting.priority,
      quota: (wish?.quota ?? 0) + quota,
      dueFromMs: waiting.dueFromMs,
      rank: wish?.rank ?? rank,
      isOwned: owned.has(lane) || (groups.tenant !== null && owned.has(groups.tenant)),
      ahead: this.#options.ahead(lane),
      groups,
    });
  }

  #setAside(place: Place): void {
    this.#options.rings.leave(place);
    this.#aside.push(place);
  }

  /** The same lane may already be wished for in another priority: its slots are one. */
  #wishedOf({ of: { places } }: WaitingLane): number {
    let wished = 0;
    for (const place of places) {
      if (place !== undefined) wished += this.#wishes.get(place)?.quota ?? 0;
    }
    return wished;
  }
}

function wantOf({ isDeep }: Place, { share, room }: Turn): number {
  return Math.min(isDeep ? Math.max(share, leastShare) : share, room);
}

function groupsAbove(waiting: WaitingLane): Group[] {
  const groups: Group[] = [];
  for (let above = waiting.parent.owner; above !== undefined; above = above.parent.owner) {
    groups.push(above.group);
  }
  return groups;
}
