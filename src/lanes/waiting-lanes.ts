import type { LaneGroups } from './lane.ts';

/** A lane with webhooks of one priority that are due. */
export interface WaitingLane {
  readonly lane: string;
  readonly priority: number;
  groups: LaneGroups;
  dueFromMs: number;
  /** It gave all that it was asked for last. */
  isDeep: boolean;
  /** The lane or tenant that has no room for it. */
  parkedFor: string | undefined;
}

export const priorities = [0, 1, 2] as const;

/**
 * The lanes that wait, in a ring per priority. One that has no room is parked outside of its ring until it has some: with
 * 100,000 lanes waiting, each turn of the others must not walk past it.
 */
export class WaitingLanes {
  readonly #known = new Map<string, WaitingLane>();
  readonly #rings = priorities.map(() => new Ring<WaitingLane>());
  readonly #parked = new Map<string, Set<WaitingLane>>();
  /** Parked until a time. */
  readonly #readyAtMs = new Map<string, number>();

  get size(): number {
    return this.#known.size;
  }

  /** How many lanes of a priority are not parked. */
  inRing(priority: number): number {
    return this.#rings[priority]?.size ?? 0;
  }

  /** The next lane in turn. */
  next(priority: number): WaitingLane | undefined {
    return this.#rings[priority]?.next();
  }

  get(lane: { readonly lane: string; readonly priority: number }): WaitingLane | undefined {
    return this.#known.get(key(lane));
  }

  /** Whether anything of the lane waits, whatever its priority. */
  hasLane(lane: string): boolean {
    return priorities.some((priority) => this.#known.has(key({ lane, priority })));
  }

  /** The tenants of all lanes that wait. */
  get tenants(): Set<string | null> {
    return new Set([...this.#known.values()].map(({ groups }) => groups.tenant));
  }

  /** Notes that a lane has work due from a time on. */
  add(seen: {
    lane: string;
    priority: number;
    dueMs: number;
    groups?: LaneGroups | undefined;
  }): void {
    const { dueMs, groups = { tenant: null, origin: seen.lane }, ...place } = seen;
    const known = this.#known.get(key(place));
    // 1 ms back: the time is rounded on its way.
    if (known !== undefined) {
      known.dueFromMs = Math.min(known.dueFromMs, dueMs - 1);
      known.groups = seen.groups ?? known.groups;
      return;
    }
    const waiting = { ...place, groups, dueFromMs: dueMs - 1, isDeep: false, parkedFor: undefined };
    this.#known.set(key(waiting), waiting);
    this.#rings[place.priority]?.add(waiting);
  }

  forget(waiting: WaitingLane): void {
    this.#known.delete(key(waiting));
    this.#rings[waiting.priority]?.delete(waiting);
    const holder = waiting.parkedFor;
    if (holder === undefined) return;
    const parked = this.#parked.get(holder);
    if (parked?.delete(waiting) === true && parked.size === 0) this.unpark(holder);
  }

  /** Takes a lane out of its ring until {@link unpark} of its holder, or until a time if there is one. */
  park(waiting: WaitingLane, readyAtMs: number, holder = waiting.lane): void {
    this.#rings[waiting.priority]?.delete(waiting);
    waiting.parkedFor = holder;
    const parked = this.#parked.get(holder) ?? new Set();
    this.#parked.set(holder, parked.add(waiting));
    if (readyAtMs > 0) this.#readyAtMs.set(holder, readyAtMs);
  }

  /** The lane or tenant may have room again. */
  unpark(lane: string): void {
    this.#readyAtMs.delete(lane);
    const parked = this.#parked.get(lane);
    if (parked === undefined) return;
    this.#parked.delete(lane);
    for (const waiting of parked) {
      waiting.parkedFor = undefined;
      this.#rings[waiting.priority]?.add(waiting);
    }
  }

  /** Those whose time has come. */
  unparkReady(nowMs: number): void {
    for (const [lane, readyAtMs] of this.#readyAtMs) if (readyAtMs <= nowMs) this.unpark(lane);
  }

  /** When the first of those that wait for a time is ready; infinite when there is none. */
  get nextReadyMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const readyAtMs of this.#readyAtMs.values()) next = Math.min(next, readyAtMs);
    return next;
  }
}

/** Names a lane's part of one priority. */
export function key({ lane, priority }: { lane: string; priority: number }): string {
  return `${lane}:${priority}`;
}

/** Gives its items in turn. The iterator stays open, because a new one would walk over the gaps that deletions leave. */
class Ring<Item> {
  readonly #items = new Set<Item>();
  #turn = this.#items.values();

  get size(): number {
    return this.#items.size;
  }

  add(item: Item): void {
    this.#items.add(item);
  }

  delete(item: Item): void {
    this.#items.delete(item);
  }

  next(): Item | undefined {
    const { value, done } = this.#turn.next();
    if (done !== true) return value;
    this.#turn = this.#items.values();
    return this.#turn.next().value;
  }
}
