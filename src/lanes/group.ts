import { easedGroupSlots, failingAfter, type GroupState } from '../domain/group-slots.ts';
import type { LaneGroups } from '../domain/lane.ts';
import { ease } from '../domain/lane-slots.ts';
import type { Timed } from './ready-times.ts';
import type { SlotHolder } from './slot-holder.ts';

/** A tenant or an origin. The same origin may stand under several tenants, and above its lanes without one. */
export interface Group extends GroupState, SlotHolder, Timed {
  readonly key: string;
  state: SlotHolder['state'];
  inFlight: number;
  answeredMs: number;
  failing: number;
  busyFromMs: number;
  restUntilMs: number;
  usedMs: number;
  /** Requests in flight that it is the top group of: an origin has others for tenants. */
  held: number;
  /** What the latest choice has wished for its lanes. */
  wished: number;
  /** Requests in flight and places in the rings, in all and as a top group. */
  uses: number;
  topUses: number;
}

/** The top group's key: the tenant, or else the origin. */
export function topOf({ tenant, origin }: LaneGroups): string {
  return tenant ?? origin;
}

export function createGroup(key: string, { slots }: { slots: number }): Group {
  return {
    key,
    state: { slots, epoch: 0 },
    inFlight: 0,
    answeredMs: Number.NEGATIVE_INFINITY,
    failing: 0,
    busyFromMs: 0,
    restUntilMs: 0,
    readyAtMs: 0,
    failures: 0,
    isBehind: false,
    grewIn: -1,
    usedMs: 0,
    held: 0,
    wished: 0,
    uses: 0,
    topUses: 0,
  };
}

export function noteAnswer(
  group: Group,
  { isOverload, nowMs }: { readonly isOverload: boolean; readonly nowMs: number },
): void {
  group.answeredMs = nowMs;
  group.failing = failingAfter(group.failing, isOverload);
}

/** Something else has to wait for this group, which works off a backlog. */
export function giveWay(group: Group): void {
  group.state = ease(group.state, easedGroupSlots);
}
