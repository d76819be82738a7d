import { grow, halve, type LaneSlots, mayGrow, restMs } from '../domain/lane-slots.ts';
import type { StrainLevel } from '../domain/strain.ts';

/** What was learnt about a lane or group that is not used is forgotten after this time. */
export const forgetAfterMs = 600_000;
/** How many lanes or groups without requests are remembered: any client that can notify can name as many as there are numbers. */
export const mostRemembered = 20_000;

/** What has slots that it earns and loses: a lane, an origin or a tenant. */
export interface SlotHolder {
  state: LaneSlots;
  inFlight: number;
  /** It works off a backlog. */
  isBehind: boolean;
  /** The round in which it last gained a slot. */
  grewIn: number;
  /** Failures in a row with the last slot, and until when it is left alone for them. */
  failures: number;
  restUntilMs: number;
}

/** One of its requests went well, which still counts as in flight. */
export function gain(
  holder: SlotHolder,
  on: { readonly maxSlots: number; readonly strain: StrainLevel; readonly round: number },
): void {
  holder.failures = 0;
  holder.restUntilMs = 0;
  if (!mayGrow(holder, on)) return;
  const { state, inFlight } = holder;
  holder.state = grow(state, { inFlight, maxSlots: on.maxSlots });
  if (holder.state !== state) holder.grewIn = on.round;
}

/** One of its requests failed. The failures of one burst halve the slots once; with the last slot it rests, if it may. */
export function lose(
  holder: SlotHolder,
  on: { readonly epoch: number; readonly nowMs: number; readonly mayRest: boolean },
): void {
  const { state } = holder;
  holder.state = halve(state, on.epoch);
  if (state.slots > 1 || !on.mayRest) return;
  holder.failures += 1;
  holder.restUntilMs = on.nowMs + restMs(holder.failures);
}
