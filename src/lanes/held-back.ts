import { freeGroupSlots, hasAnsweredLately, isSilent } from '../domain/group-slots.ts';
import type { Group } from './group.ts';
import type { Groups } from './groups.ts';
import type { OwnedLanes } from './owned-lanes.ts';
import type { ShareRings, WaitingGroup } from './share-rings.ts';

/**
 * Why a group with waiting webhooks may begin no more requests.
 *
 * - no_answer: it has requests in flight and answers none of them, or gave no answer with its last slot
 * - limit: a tenant uses all that its own limits allow
 * - slots: it uses all slots that it has earned
 * - share: the worker is nearly full, and it holds its equal share or more
 * - unproven: it has not answered lately, and groups like that hold all slots that they may have together
 */
export type HeldBackReason = 'no_answer' | 'limit' | 'slots' | 'share' | 'unproven';

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

interface Known {
  readonly sinceMs: number;
  readonly seenMs: number;
}

/** Which groups are held back, and since when. It learns that by looking now and then, so that choices cost nothing more. */
export class HeldBackGroups {
  readonly #rings: Pick<ShareRings, 'waitingGroups'>;
  readonly #groups: Groups;
  /** Those held back for longest first. */
  #known = new Map<string, Known>();

  constructor({ rings, groups }: { rings: Pick<ShareRings, 'waitingGroups'>; groups: Groups }) {
    this.#rings = rings;
    this.#groups = groups;
  }

  /** Those with requests in flight first, because the others wait for them; of these the ones that are held back for longest. */
  look({ owned, nowMs }: { owned: Limits; nowMs: number }): HeldBackGroup[] {
    const found = this.#find(owned, nowMs);
    const held: HeldBackGroup[] = [];
    for (const [key, { sinceMs }] of this.#remember(found, nowMs)) {
      const group = found.get(key);
      if (group !== undefined) held.push({ ...group, sinceMs });
    }
    const isBusy = ({ inFlight }: HeldBackGroup) => inFlight > 0;
    const idle = held.filter((group) => !isBusy(group));
    return [...held.filter(isBusy), ...idle].slice(0, mostTold);
  }

  #find(owned: Limits, nowMs: number): Map<string, Omit<HeldBackGroup, 'sinceMs'>> {
    const found = new Map<string, Omit<HeldBackGroup, 'sinceMs'>>();
    for (const place of this.#rings.waitingGroups()) {
      const { group } = place;
      const reason = this.#reasonOf(place, { owned, nowMs });
      if (reason === undefined || found.has(group.key)) continue;
      const { key, inFlight, state } = group;
      const [level, lane] = [levelOf(place), laneIn(place)];
      found.set(key, { key, level, reason, inFlight, slots: state.slots, lane });
    }
    return found;
  }

  /** The rules are those of LaneChoice. */
  #reasonOf(
    { group, parent }: WaitingGroup,
    { owned, nowMs }: { owned: Limits; nowMs: number },
  ): HeldBackReason | undefined {
    const { key, inFlight } = group;
    if (freeGroupSlots(group, nowMs) <= 0)
      return isUnanswered(group, nowMs) ? 'no_answer' : 'slots';
    if (owned.room(key, { inFlight, nowMs }) <= 0) return 'limit';
    if (parent.owner !== undefined) return undefined;
    if (this.#groups.shareRoom(group) <= 0) return 'share';
    const isTrusted = hasAnsweredLately(group, nowMs);
    return isTrusted || this.#groups.untrustedRoom > 0 ? undefined : 'unproven';
  }

  #remember(found: ReadonlyMap<string, unknown>, nowMs: number): Map<string, Known> {
    const known = new Map<string, Known>();
    for (const [key, { sinceMs, seenMs }] of this.#known) {
      if (nowMs - seenMs > longestBreakMs) continue;
      known.set(key, { sinceMs, seenMs: found.has(key) ? nowMs : seenMs });
    }
    for (const key of found.keys()) {
      if (!known.has(key)) known.set(key, { sinceMs: nowMs, seenMs: nowMs });
    }
    this.#known = known;
    return known;
  }
}

function isUnanswered(group: Group, nowMs: number): boolean {
  return isSilent(group, nowMs) || group.failures > 0;
}

/** A tenant has origins below it, an origin has lanes. */
function levelOf({ branch }: WaitingGroup): 'tenant' | 'origin' {
  return branch.groups === undefined ? 'origin' : 'tenant';
}

function laneIn({ branch }: WaitingGroup): string | null {
  const { first } = branch.ring;
  if (first === undefined) return null;
  return first.kind === 'lane' ? first.of.lane : laneIn(first);
}
