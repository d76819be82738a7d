import type { LaneGroups } from '../domain/lane.ts';
import { type Group, topOf } from './group.ts';
import type { Groups } from './groups.ts';
import { ReadyTimes, type Timed } from './ready-times.ts';
import { type Linked, Ring } from './ring.ts';

/** A lane that waits. It is parked with all its priorities until it has room. */
export interface KnownLane extends Timed {
  readonly lane: string;
  groups: LaneGroups;
  /** By priority. */
  readonly places: (WaitingLane | undefined)[];
}

/** The webhooks of a lane that are due and have one priority. */
export interface WaitingLane extends Linked<Place> {
  readonly kind: 'lane';
  readonly of: KnownLane;
  readonly priority: number;
  dueFromMs: number;
  isDeep: boolean;
  parent: Branch;
  /** Who it is parked for. */
  parkedFor: Timed | undefined;
}

/** A group with waiting lanes of one priority: a tenant, or an origin of a tenant, or an origin without one. */
export interface WaitingGroup extends Linked<Place> {
  readonly kind: 'group';
  readonly group: Group;
  readonly parent: Branch;
  readonly branch: Branch;
  isDeep: boolean;
  parkedFor: Timed | undefined;
}

/** What has turns. It is deep if it gave all that it was asked for last. */
export type Place = WaitingLane | WaitingGroup;

/** What stands below a group, or at the top. A place is in the ring as long as it may have a turn. */
interface Branch {
  readonly ring: Ring<Place>;
  /** All below it, parked ones as well. */
  count: number;
  /** The groups below it, by key; most have none. */
  groups: Map<string, WaitingGroup> | undefined;
  /** Undefined at the top. */
  owner: WaitingGroup | undefined;
  readonly priority: number;
}

export const priorities = [0, 1, 2] as const;

/**
 * The lanes that wait, for each priority in a tree of rings: the top groups take turns, within a tenant its origins, within an origin
 * its lanes.
 *
 * What has no room is parked outside of its ring until it may have some: with 100,000 lanes waiting, a turn of the others must not walk
 * past them. A group is parked as a whole, whatever waits in it. One without anything in its ring is not in a ring itself.
 */
export class ShareRings {
  readonly #groups: Groups;
  readonly #roots = priorities.map((priority) => branchOf({ priority, owner: undefined }));
  readonly #parked = new Map<Timed, Set<Place>>();
  readonly #times = new ReadyTimes<Timed>();
  /** Those that may have room again since the last choice. */
  readonly #freed = new Set<Timed>();
  /** Top groups without room for the sake of the others, by priority, those that wait for longest first. */
  readonly #untrusted = priorities.map(() => new Set<WaitingGroup>());
  readonly #overShare = priorities.map(() => new Set<WaitingGroup>());
  #lastShare = 0;

  constructor(groups: Groups) {
    this.#groups = groups;
  }

  /** When the first of those that wait for a time is ready; infinite if there is none. */
  get nextReadyMs(): number {
    return this.#times.nextMs;
  }

  /** How many top groups of a priority may have a turn. */
  turnsIn(priority: number): number {
    return this.#roots[priority]?.ring.size ?? 0;
  }

  /** The next top group in turn. */
  next(priority: number): Place | undefined {
    return this.#roots[priority]?.ring.next();
  }

  /** A top group with waiting lanes, in the first of its priorities. */
  topGroup(key: string): WaitingGroup | undefined {
    for (const { groups } of this.#roots) {
      const group = groups?.get(key);
      if (group !== undefined) return group;
    }
    return undefined;
  }

  /** Some of the top groups with waiting lanes: at most so many of a priority. */
  *topGroups(most: number): Generator<WaitingGroup> {
    for (const { groups } of this.#roots) {
      let left = most;
      for (const group of groups?.values() ?? []) {
        if (left === 0) break;
        left -= 1;
        yield group;
      }
    }
  }

  /** Where a lane of these groups stands; the branch is made if it is not there. */
  branchFor(groups: LaneGroups, priority: number): Branch {
    const root = this.#roots[priority];
    if (root === undefined) throw new Error(`No such priority: ${priority}`);
    const top = this.#childOf(root, topOf(groups)).branch;
    return groups.tenant === null ? top : this.#childOf(top, groups.origin).branch;
  }

  /** A lane that waits is in its branch from now on. */
  add(lane: WaitingLane): void {
    lane.parent.count += 1;
    this.#enter(lane);
  }

  /** The lane does not wait any more, or moves to another branch. */
  remove(place: Place): void {
    this.#unparkOne(place);
    leave(place);
    const { parent } = place;
    parent.count -= 1;
    const { owner } = parent;
    if (parent.count > 0 || owner === undefined) return;
    this.remove(owner);
    owner.parent.groups?.delete(owner.group.key);
    this.#groups.release(owner.group, { isTop: isTop(owner) });
  }

  /** Takes a place out of its ring until {@link comeBack}. */
  leave(place: Place): void {
    leave(place);
  }

  /** Puts a place into its ring again, as the last in turn, if there is anything in it that may have a turn. */
  comeBack(place: Place): void {
    if (place.kind === 'lane' || place.branch.ring.size > 0) this.#enter(place);
  }

  /** Takes a place out of its ring until {@link free} is called for this one, or until a time if it is not 0. */
  park(place: Place, { until: holder, readyAtMs }: { until: Timed; readyAtMs: number }): void {
    leave(place);
    place.parkedFor = holder;
    const parked = this.#parked.get(holder) ?? new Set();
    this.#parked.set(holder, parked.add(place));
    if (readyAtMs > 0) this.#times.set(holder, readyAtMs);
  }

  /** Parks a top group until it has ended a request, or some of those that have not answered lately may begin some. */
  parkUntrusted(place: WaitingGroup): void {
    this.park(place, { until: place.group, readyAtMs: 0 });
    this.#untrusted[place.parent.priority]?.add(place);
  }

  /** Parks a top group until it has ended a request, or may hold more. */
  parkOverShare(place: WaitingGroup): void {
    this.park(place, { until: place.group, readyAtMs: 0 });
    this.#overShare[place.parent.priority]?.add(place);
  }

  /** A lane or group may have room again. Its places come back with the next choice: many requests may end before that. */
  free(holder: Timed): void {
    if (this.#parked.has(holder)) this.#freed.add(holder);
  }

  /** Before a choice: brings those back that may have room. */
  unpark(nowMs: number): void {
    for (const holder of this.#freed) this.#unpark(holder);
    this.#freed.clear();
    for (;;) {
      const ready = this.#times.takeReady(nowMs);
      if (ready === undefined) break;
      this.#unpark(ready);
    }
    const { share, commonRoom, untrustedRoom } = this.#groups;
    // They all hold slots, so they are not many, however many wait.
    const maySpread = commonRoom > 0 || share > this.#lastShare;
    this.#lastShare = share;
    if (maySpread) for (const places of this.#overShare) this.#release(places, places.size);
    for (const places of this.#untrusted) this.#release(places, untrustedRoom);
  }

  /** During a choice: brings back as many top groups that have not answered lately as may begin a request. */
  unparkUntrusted(priority: number): void {
    const places = this.#untrusted[priority];
    if (places !== undefined) this.#release(places, this.#groups.untrustedRoom);
  }

  #release(places: ReadonlySet<WaitingGroup>, most: number): void {
    let left = most;
    for (const place of places) {
      if (left <= 0) return;
      left -= 1;
      this.#unparkOne(place);
      this.comeBack(place);
    }
  }

  /** Puts a place into its ring, as the last in turn, and what it is in as well. */
  #enter(place: Place): void {
    if (place.next !== undefined || place.parkedFor !== undefined) return;
    place.parent.ring.add(place);
    const { owner } = place.parent;
    if (owner !== undefined) this.#enter(owner);
  }

  #childOf(branch: Branch, key: string): WaitingGroup {
    branch.groups ??= new Map();
    const known = branch.groups.get(key);
    if (known !== undefined) return known;
    const below = branchOf({ priority: branch.priority, owner: undefined });
    const group = this.#groups.hold(key, { isTop: branch.owner === undefined });
    const child: WaitingGroup = {
      kind: 'group',
      group,
      parent: branch,
      branch: below,
      isDeep: false,
      parkedFor: undefined,
      next: undefined,
      previous: undefined,
    };
    below.owner = child;
    branch.count += 1;
    branch.groups.set(key, child);
    return child;
  }

  #unpark(holder: Timed): void {
    this.#times.clear(holder);
    const parked = this.#parked.get(holder);
    if (parked === undefined) return;
    this.#parked.delete(holder);
    for (const place of parked) {
      this.#forgetWhy(place);
      this.comeBack(place);
    }
  }

  #unparkOne(place: Place): void {
    const holder = place.parkedFor;
    if (holder === undefined) return;
    this.#forgetWhy(place);
    const parked = this.#parked.get(holder);
    parked?.delete(place);
    if (parked?.size !== 0) return;
    this.#parked.delete(holder);
    this.#freed.delete(holder);
    this.#times.clear(holder);
  }

  #forgetWhy(place: Place): void {
    place.parkedFor = undefined;
    if (place.kind === 'lane') return;
    for (const places of [this.#untrusted, this.#overShare]) {
      places[place.parent.priority]?.delete(place);
    }
  }
}

/** Notes whether a lane, and with it what it is in, gave all that it was asked for. */
export function noteDepth(lane: WaitingLane, isDeep: boolean): void {
  lane.isDeep = isDeep;
  for (let above = lane.parent.owner; above !== undefined; above = above.parent.owner) {
    above.isDeep = isDeep;
  }
}

function branchOf({ priority, owner }: Pick<Branch, 'priority' | 'owner'>): Branch {
  return { ring: new Ring<Place>(), count: 0, groups: undefined, owner, priority };
}

function isTop({ parent }: WaitingGroup): boolean {
  return parent.owner === undefined;
}

function leave(place: Place): void {
  const { parent } = place;
  parent.ring.delete(place);
  if (parent.ring.size === 0 && parent.owner !== undefined) leave(parent.owner);
}
