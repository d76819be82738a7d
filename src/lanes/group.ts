import { easedGroupSlots, type GroupState } from '../domain/group-slots.ts';
import type { LaneGroups } from '../domain/lane.ts';
import { ease, grow, halve, type LaneSlots, mayGrow, restMs } from '../domain/lane-slots.ts';
import type { StrainLevel } from '../domain/strain.ts';
import type { Timed } from './ready-times.ts';

/** A tenant or an origin. The same origin may stand under several tenants, and above its lanes without one. */
export interface Group extends GroupState, Timed {
  readonly key: string;
  state: LaneSlots;
  inFlight: number;
  answeredMs: number;
  busyFromMs: number;
  restUntilMs: number;
  /** Failures without an answer in a row with the last slot. */
  failures: number;
  /** It works off a backlog. */
  isBehind: boolean;
  /** The round in which it last gained a slot. */
  grewIn: number;
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

/** The group has answered one of its requests, which still counts as in flight. */
export function answered(
  group: Group,
  on: {
    readonly nowMs: number;
    readonly maxSlots: number;
    readonly strain: StrainLevel;
    readonly round: number;
  },
): void {
  group.answeredMs = on.nowMs;
  group.failures = 0;
  group.restUntilMs = 0;
  if (!mayGrow(group, on)) return;
  const { state, inFlight } = group;
  group.state = grow(state, { inFlight, maxSlots: on.maxSlots });
  if (group.state !== state) group.grewIn = on.round;
}

/**
 * A request got no answer. As with lanes, the failures of one burst halve the slots once. An origin that fails with its last slot rests;
 * a tenant does not, because other origins of it may be well.
 */
export function failed(
  group: Group,
  on: { readonly epoch: number; readonly isOrigin: boolean; readonly nowMs: number },
): void {
  const { state } = group;
  group.state = halve(state, on.epoch);
  if (state.slots > 1 || !on.isOrigin) return;
  group.failures += 1;
  group.restUntilMs = on.nowMs + restMs(group.failures);
}

/** Something else has to wait for this group, which works off a backlog. */
export function giveWay(group: Group): void {
  group.state = ease(group.state, easedGroupSlots);
}
