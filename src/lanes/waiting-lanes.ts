import type { LaneGroups } from '../domain/lane.ts';
import type { Groups } from './groups.ts';
import { HeldBackGroups } from './held-back.ts';
import { type KnownLane, ShareRings, type WaitingLane } from './share-rings.ts';

interface NamedPlace {
  readonly lane: string;
  readonly priority: number;
}

/** The lanes that wait, each under its groups. What is known of a lane and its groups is forgotten when it does not wait any more. */
export class WaitingLanes {
  readonly rings: ShareRings;
  readonly heldBack: HeldBackGroups;
  readonly #known = new Map<string, KnownLane>();
  #size = 0;

  constructor(groups: Groups) {
    this.rings = new ShareRings(groups);
    this.heldBack = new HeldBackGroups({ rings: this.rings, groups });
  }

  /** How many lanes wait; one that waits with several priorities counts for each. */
  get size(): number {
    return this.#size;
  }

  get({ lane, priority }: NamedPlace): WaitingLane | undefined {
    return this.#known.get(lane)?.places[priority];
  }

  /** Whether anything of the lane waits, whatever its priority. */
  hasLane(lane: string): boolean {
    return this.#known.has(lane);
  }

  /** Whose the lane is, if it waits. */
  groupsOf(lane: string): LaneGroups | undefined {
    return this.#known.get(lane)?.groups;
  }

  /** Notes that a lane has work due from a time on. Its groups are those seen last: an endpoint can get another URL. */
  add(seen: NamedPlace & { readonly dueMs: number; readonly groups: LaneGroups }): void {
    const { lane, priority, groups } = seen;
    const known = this.#known.get(lane) ?? this.#create(lane, groups);
    if (known.groups !== groups && !isSame(known.groups, groups)) this.#move(known, groups);
    // 1 ms back: the time is rounded on its way.
    const dueFromMs = seen.dueMs - 1;
    const waiting = known.places[priority];
    if (waiting !== undefined) {
      waiting.dueFromMs = Math.min(waiting.dueFromMs, dueFromMs);
      return;
    }
    const place: WaitingLane = {
      kind: 'lane',
      of: known,
      priority,
      dueFromMs,
      isDeep: false,
      parent: this.rings.branchFor(groups, priority),
      parkedFor: undefined,
      next: undefined,
      previous: undefined,
    };
    known.places[priority] = place;
    this.#size += 1;
    this.rings.add(place);
  }

  forget(waiting: WaitingLane): void {
    const { of: known, priority } = waiting;
    known.places[priority] = undefined;
    this.#size -= 1;
    this.rings.remove(waiting);
    if (known.places.every((place) => place === undefined)) this.#known.delete(known.lane);
  }

  /** The lane may have room again. */
  free(lane: string): void {
    const known = this.#known.get(lane);
    if (known !== undefined) this.rings.free(known);
  }

  #create(lane: string, groups: LaneGroups): KnownLane {
    const known = { lane, groups, places: [], readyAtMs: 0 };
    this.#known.set(lane, known);
    return known;
  }

  #move(known: KnownLane, groups: LaneGroups): void {
    known.groups = groups;
    for (const place of known.places) {
      if (place === undefined) continue;
      this.rings.remove(place);
      place.parent = this.rings.branchFor(groups, place.priority);
      this.rings.add(place);
    }
  }
}

function isSame(one: LaneGroups, other: LaneGroups): boolean {
  return one.tenant === other.tenant && one.origin === other.origin;
}
