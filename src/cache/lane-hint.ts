// Pure: no I/O, no clock, no randomness.

import { isLane, type LaneGroups } from '../domain/lane.ts';

/** A lane with due work that one worker tells the others about. */
export interface LaneHint {
  readonly lane: string;
  readonly priority: number;
  readonly dueMs: number;
  readonly groups: LaneGroups;
}

/** Larger than any time in ms until the year 2286, so that one number sorts by priority and then by age. */
const priorityStep = 1e13;

export function memberOf({ lane, priority, groups }: LaneHint): string {
  return `${lane}:${priority}:${groups.origin}:${groups.tenant ?? ''}`;
}

export function scoreOf({ priority, dueMs }: LaneHint): number {
  return priority * priorityStep + Math.min(Math.max(0, dueMs), priorityStep - 1);
}

/** Reads a hint from Redis; undefined: no worker wrote it like this. */
export function parseHint({
  value,
  score,
}: {
  value: unknown;
  score: unknown;
}): LaneHint | undefined {
  if (typeof value !== 'string' || typeof score !== 'number') return undefined;
  const match = /^(.{1,20}):([012]):(.{1,20}):(.{0,20})$/.exec(value);
  if (match === null) return undefined;
  const [, lane = '', digit = '', origin = '', tenant = ''] = match;
  const priority = Number(digit);
  const dueMs = score - priority * priorityStep;
  if (!isLane(lane) || !isLane(origin) || !(tenant === '' || isLane(tenant))) return undefined;
  if (!(dueMs >= 0 && dueMs < priorityStep)) return undefined;
  return { lane, priority, dueMs, groups: { origin, tenant: tenant === '' ? null : tenant } };
}
