import {
  freeGroupSlots,
  hasAnsweredLately,
  isFailing,
  isSilent,
  slotsOfGroup,
} from '../domain/group-slots.ts';
import type { Group } from './group.ts';
import type { Groups } from './groups.ts';
import type { OwnedLanes } from './owned-lanes.ts';
import type { ShareRings, WaitingGroup } from './share-rings.ts';

/**
 * Why a group with waiting webhooks may begin no more requests.
 *
 * - no_answer: it has requests in flight and answers none of them, or gave no answer with its last slot
 * - failing: it has answered nothing but failures lately
 * - limit: a tenant uses all that its own limits allow
 * - slots: it uses all slots that it has earned
 * - share: the worker is nearly full, and it holds its equal share or more
 * - unproven: it has not answered lately, and groups like that hold all slots that they may have together
 */
export type HeldBackReason = 'no_answer' | 'failing' | 'limit' | 'slots' | 'share' | 'unproven';

/** A tenant or an origin that is held back by this process. */
export interface HeldBackGroup {
  readonly key: string;
  readonly level: 'tenant' | 'origin';
  readonly reason: HeldBackReason;
  /** From the first look that found it held back. */
  readonly sinceMs: number;
  readonly inFlight: number;
  readonly slots: number;
  /** One of its lanes that waits for nothing but the group; null if each waits for something of its own as well. */
  readonly lane: string | null;
}

/** A group is held back all the time if it is at two looks that are no further apart: two heartbeats and some delay. */
const longestBreakMs = 5_000;
const mostTold = 50;

type Limits = Pick<OwnedLanes, 'room'>;
type Rings = Pick<ShareRings, 'topGroup' | 'topGroups'>;

interface Known {
  readonly sinceMs: number;
  readonly seenMs: number;
}

interface Now {
  readonly owned: Limits;
  readonly nowMs: number;
}

/**
 * Which groups are held back, and since when. It learns that by looking now and then, so that choices cost nothing more.
 *
 * A look takes no longer with 100,000 groups that wait: it takes in those with requests in flight, those that it found before, and some
 * of the others, which are all held back for the same reason.
 */
export class HeldBackGroups {
  readonly #rings: Rings;
  readonly #groups: Groups;
  /** Those held back for longest first. */
  #known = new Map<string, Known>();

  constructor({ rings, groups }: { rings: Rings; groups: Groups }) {
    this.#rings = rings;
    this.#groups = groups;
  }

  /** Those with requests in flight first, because the others wait for them; of these the ones that are held back for longest. */
  look(now: Now): HeldBackGroup[] {
    const held: HeldBackGroup[] = [];
    const known = new Map<string, Known>();
    for (const group of this.#candidates()) {
      const { key, inFlight } = group;
      const before = this.#recent(key, now);
      const place = this.#rings.topGroup(key);
      const reason = this.#reasonOf(group, { ...now, place });
      if (reason === undefined) {
        if (before !== undefined) known.set(key, before);
        continue;
      }
      const sinceMs = before?.sinceMs ?? now.nowMs;
      known.set(key, { sinceMs, seenMs: now.nowMs });
      const [level, lane] = [levelOf(place), laneIn(place)];
      const slots = slotsOfGroup(group, now.nowMs);
      held.push({ key, level, reason, inFlight, slots, lane, sinceMs });
    }
    this.#known = known;
    const isBusy = ({ inFlight }: HeldBackGroup) => inFlight > 0;
    const idle = held.filter((group) => !isBusy(group));
    return [...held.filter(isBusy), ...idle].slice(0, mostTold);
  }

  #candidates(): Set<Group> {
    const found = new Set<Group>();
    for (const key of this.#known.keys()) {
      const group = this.#groups.find(key);
      if (group !== undefined) found.add(group);
    }
    for (const group of this.#groups.inFlightNow) found.add(group);
    for (const { group } of this.#rings.topGroups(mostTold)) found.add(group);
    return found;
  }

  #recent(key: string, { nowMs }: Now): Known | undefined {
    const known = this.#known.get(key);
    return known === undefined || nowMs - known.seenMs > longestBreakMs ? undefined : known;
  }

  /** The rules are those of LaneChoice. */
  #reasonOf(
    group: Group,
    { owned, nowMs, place }: Now & { readonly place: WaitingGroup | undefined },
  ): HeldBackReason | undefined {
    const { key, inFlight, uses } = group;
    // Each of its requests uses it once, and so does each place in the rings.
    if (uses === inFlight) return undefined;
    if (freeGroupSlots(group, nowMs) <= 0) {
      if (isUnanswered(group, nowMs)) return 'no_answer';
      return isFailing(group) ? 'failing' : 'slots';
    }
    if (owned.room(key, { inFlight, nowMs }) <= 0) return 'limit';
    if (place === undefined) return undefined;
    if (this.#groups.shareRoom(group) <= 0) return 'share';
    const isTrusted = hasAnsweredLately(group, nowMs);
    return isTrusted || this.#groups.untrustedRoom > 0 ? undefined : 'unproven';
  }
}

function isUnanswered(group: Group, nowMs: number): boolean {
  return isSilent(group, nowMs) || group.failures > 0;
}

/** A tenant has origins below it, an origin has lanes. */
function levelOf(place: WaitingGroup | undefined): 'tenant' | 'origin' {
  return place?.branch.groups === undefined ? 'origin' : 'tenant';
}

function laneIn(place: WaitingGroup | undefined): string | null {
  const first = place?.branch.ring.first;
  if (first === undefined) return null;
  return first.kind === 'lane' ? first.of.lane : laneIn(first);
}
