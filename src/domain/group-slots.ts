// Pure: no I/O, no clock, no randomness.

import type { LaneSlots } from './lane-slots.ts';

/** The slots of a group that is not known yet: those of two lanes. */
export const initialGroupSlots = 16;
/** While something else has to wait, a group that works off a backlog gives up slots down to these. */
export const easedGroupSlots = 64;
/** Those of a group that has answered nothing but failures: enough to see that it is well again. */
export const failingGroupSlots = 4;
/** The weight of the latest request in the share of failures. */
const weight = 0.05;
const mostlyFailing = 0.95;
/** A group with requests in flight that has not answered for this long is silent. */
const silentAfterMs = 2_000;
/** A group that has answered within this time is trusted, so that one with little traffic is as well. */
const latelyMs = 60_000;

/** What a process knows of a tenant or an origin. Times are ms of any one clock. */
export interface GroupState {
  readonly state: LaneSlots;
  readonly inFlight: number;
  /** When it answered last; minus infinity if it never did. */
  readonly answeredMs: number;
  /** How many of its latest requests failed with an answer, as a moving average from 0 to 1. */
  readonly failing: number;
  /** From when on it has had requests in flight without a break. */
  readonly busyFromMs: number;
  /** Until when it is left alone because it fails with its last slot. */
  readonly restUntilMs: number;
}

/** How many requests all lanes of a group together may have in flight, of those of a process: three quarters. */
export function mostOfGroup(most: number): number {
  return Math.max(1, Math.ceil(most * 0.75));
}

/** Whether a group has requests in flight and answers none of them. */
export function isSilent(group: GroupState, nowMs: number): boolean {
  const heardMs = Math.max(group.answeredMs, group.busyFromMs);
  return group.inFlight > 0 && nowMs - heardMs >= silentAfterMs;
}

/** Whether a group has answered nothing but failures lately. */
export function isFailing({ failing }: GroupState): boolean {
  return failing > mostlyFailing;
}

/** How many requests a group may have in flight. One that hangs or fails keeps few slots, however many it had earned. */
export function slotsOfGroup(group: GroupState, nowMs: number): number {
  const { slots } = group.state;
  if (isFailing(group)) return Math.min(slots, failingGroupSlots);
  return isSilent(group, nowMs) ? Math.min(slots, initialGroupSlots) : slots;
}

/** How many more requests a group may have in flight; less than 0 if it has too many. */
export function freeGroupSlots(group: GroupState, nowMs: number): number {
  return group.restUntilMs > nowMs ? 0 : slotsOfGroup(group, nowMs) - group.inFlight;
}

/** The share of failures after one more answer. */
export function failingAfter(failing: number, hasFailed: boolean): number {
  return failing + ((hasFailed ? 1 : 0) - failing) * weight;
}

/** Whether a group is trusted: those that are not never get the last quarter of the slots. */
export function hasAnsweredLately(group: GroupState, nowMs: number): boolean {
  return nowMs - group.answeredMs <= latelyMs && !isSilent(group, nowMs);
}

/** How many slots a group may hold while only the last quarter is left: those of the process, divided by the groups that have work. */
export function equalShare(most: number, groups: number): number {
  return Math.ceil(most / Math.max(1, groups));
}
