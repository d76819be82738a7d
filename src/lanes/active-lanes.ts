import type { LaneGroups } from '../domain/lane.ts';
import { ease, initialSlots } from '../domain/lane-slots.ts';
import type { StrainLevel } from '../domain/strain.ts';
import {
  begun,
  paused,
  readyAt,
  refused,
  roomOf,
  succeeded,
  type Throttle,
} from '../domain/throttle.ts';
import { forgetAfterMs, gain, lose, mostRemembered, type SlotHolder } from './slot-holder.ts';

interface ActiveLane extends SlotHolder {
  /** Undefined while it has no request in flight. */
  groups: LaneGroups | undefined;
  usedMs: number;
  /** Its receiver has said that it gets too many requests. */
  throttle: Throttle | undefined;
}

/** What a request's end says about how much the receiver can take. */
export interface LaneEnd {
  /** As given by begin(). */
  readonly epoch: number;
  readonly verdict: 'ok' | 'overload' | 'other';
  /** The receiver said that it gets too many requests, and asks for a pause; 0 if it does not say for how long. */
  readonly refusal?: { readonly pauseMs: number } | undefined;
  /** Of an ordered lane: from its start until the next one could begin. */
  readonly tookMs?: number | undefined;
  readonly nowMs: number;
}

/** What a claim may give to lanes that it discovers itself. */
export interface LaneOffer {
  /** The free slots of the lanes and groups named here. */
  readonly constrained: Record<string, number>;
  /** Those of any other lane. */
  readonly usualSlots: number;
}

/** How many lanes with fewer slots than usual a claim is told of, and how many of those that are slowed. */
const mostListed = 256;
const mostSlowed = 1_000;

const unknown = {
  groups: undefined,
  isBehind: false,
  grewIn: -1,
  failures: 0,
  restUntilMs: 0,
  throttle: undefined,
} as const;

/** How much each lane may have in flight and has, as this process has learnt it. A lane without an entry has the usual slots. */
export class ActiveLanes {
  readonly #maxSlots: number;
  readonly #lanes = new Map<string, ActiveLane>();
  /** Those with requests in flight. */
  readonly #busy = new Map<string, ActiveLane>();
  /** Remembered without requests in flight, longest first: a host that fails can have any number of paths. */
  readonly #idle = new Map<string, ActiveLane>();
  /** Those that have fewer slots than usual. */
  readonly #weak = new Map<string, ActiveLane>();
  /** Those that have more slots than a lane has at first. */
  readonly #strong = new Map<string, ActiveLane>();
  /** Those that rest, or whose receiver has said that it gets too many requests, the last ones at the end; some of them no longer. */
  readonly #slowed = new Map<string, ActiveLane>();
  #strain: StrainLevel = 'none';
  #round = 0;

  constructor(maxSlots: number) {
    this.#maxSlots = maxSlots;
  }

  /** How many slots a lane has that is not known yet. */
  get usualSlots(): number {
    return Math.min(initialSlots, this.#maxSlots);
  }

  /** Whether lanes that work off a backlog hold back. */
  get isShared(): boolean {
    return this.#strain !== 'none';
  }

  inFlight(lane: string): number {
    return this.#lanes.get(lane)?.inFlight ?? 0;
  }

  /** Whose the lane is, if it has requests in flight. */
  groupsOf(lane: string): LaneGroups | undefined {
    return this.#lanes.get(lane)?.groups;
  }

  freeSlots(lane: string, nowMs: number): number {
    const active = this.#lanes.get(lane);
    return active === undefined ? this.usualSlots : free(active, nowMs);
  }

  /** How many requests may begin now at the rate that its receiver accepts; infinite if it has refused none. */
  acceptedNow(lane: string, nowMs: number): number {
    const throttle = this.#lanes.get(lane)?.throttle;
    return throttle === undefined ? Number.POSITIVE_INFINITY : roomOf(throttle, nowMs);
  }

  /** Until when a lane that fails, or sends as fast as its receiver takes it, is left alone; 0 when it is not. */
  restUntilMs(lane: string, nowMs: number): number {
    const active = this.#lanes.get(lane);
    if (active === undefined) return 0;
    const { restUntilMs, throttle } = active;
    const isTurn = throttle === undefined || roomOf(throttle, nowMs) > 0;
    const untilMs = isTurn ? restUntilMs : Math.max(restUntilMs, readyAt(throttle));
    return untilMs > nowMs ? untilMs : 0;
  }

  /** A request of the lane begins; the epoch is to be given back when it ends. */
  begin({ lane, groups }: { lane: string; groups: LaneGroups }, nowMs: number): number {
    const active = this.#lanes.get(lane);
    if (active !== undefined) {
      if (active.inFlight === 0) {
        this.#busy.set(lane, active);
        this.#idle.delete(lane);
      }
      active.groups = groups;
      active.inFlight += 1;
      active.usedMs = nowMs;
      const { throttle, state } = active;
      if (throttle === undefined) return state.epoch;
      active.throttle = begun(throttle, nowMs);
      // Claimed before the receiver refused another one: as if it had been under way then.
      return roomOf(throttle, nowMs) > 0 ? state.epoch : state.epoch - 1;
    }
    const state = { slots: this.usualSlots, epoch: 0 };
    const created = { ...unknown, groups, state, inFlight: 1, usedMs: nowMs };
    this.#lanes.set(lane, created);
    this.#busy.set(lane, created);
    return state.epoch;
  }

  /** A request of the lane ended. */
  end(lane: string, { epoch, verdict, refusal, nowMs }: LaneEnd): void {
    const active = this.#lanes.get(lane);
    if (active === undefined) return;
    if (verdict === 'ok') {
      if (active.throttle !== undefined) active.throttle = succeeded(active.throttle);
      gain(active, { maxSlots: this.#maxSlots, strain: this.#strain, round: this.#round });
    }
    if (refusal !== undefined) refuse(active, { epoch, nowMs, pauseMs: refusal.pauseMs });
    if (verdict === 'overload') lose(active, { epoch, nowMs, mayRest: true });
    active.inFlight -= 1;
    this.#note(lane, active);
    if (active.inFlight > 0) return;
    active.groups = undefined;
    this.#busy.delete(lane);
    if (active.state.slots === this.usualSlots && !isSlowed(active, nowMs)) this.#forget(lane);
    else this.#remember(lane, active);
  }

  /** The pause that the receiver asked for is known to all workers now, and is over no later than this. */
  pause(lane: string, { pauseMs, nowMs }: { pauseMs: number; nowMs: number }): void {
    const active = this.#lanes.get(lane);
    if (active?.throttle === undefined) return;
    active.throttle = paused(active.throttle, { nowMs, pauseMs });
  }

  /** The lane is well again after its breaker was open: one request at first, and then as many more as succeed. */
  slowStart(lane: string, nowMs: number): void {
    const active = this.#lanes.get(lane);
    if (active === undefined && this.#idle.size >= mostRemembered) return;
    const epoch = (active?.state.epoch ?? 0) + 1;
    const started = {
      ...unknown,
      state: { slots: 1, epoch },
      groups: active?.groups,
      throttle: active?.throttle,
      inFlight: active?.inFlight ?? 0,
      usedMs: nowMs,
      isBehind: true,
    };
    this.#lanes.set(lane, started);
    if (started.inFlight > 0) this.#busy.set(lane, started);
    else this.#remember(lane, started);
    this.#note(lane, started);
  }

  /** Notes whether a lane works off a backlog: what it was given last had waited for long. */
  noteAge(lane: string, { isBehind }: { isBehind: boolean }): void {
    const active = this.#lanes.get(lane);
    if (active !== undefined) active.isBehind = isBehind;
  }

  /** After each round. While something that has just arrived has to wait, lanes that work off a backlog take less and less. */
  setStrain(level: StrainLevel): void {
    this.#strain = level;
    this.#round += 1;
    if (level !== 'high') return;
    for (const active of this.#strong.values()) {
      if (active.isBehind) active.state = ease(active.state, initialSlots);
    }
  }

  /**
   * What a claim may give to lanes that it discovers itself. When thousands of lanes have fewer slots than usual, or are slowed, any
   * lane gets one at first: to list them all took 8 ms a claim.
   */
  offer(nowMs: number): LaneOffer {
    const isListed = this.#weak.size <= mostListed && this.#slowed.size <= mostSlowed;
    const usualSlots = isListed ? this.usualSlots : 1;
    const constrained: Record<string, number> = {};
    for (const [lane, active] of this.#slowed) {
      if (!isSlowed(active, nowMs)) this.#slowed.delete(lane);
    }
    const slowed = [...this.#slowed].slice(-mostSlowed);
    for (const lanes of [this.#busy, slowed, ...(isListed ? [this.#weak] : [])]) {
      for (const [lane, active] of lanes) {
        const slots = Math.max(0, free(active, nowMs));
        if (slots < usualSlots) constrained[lane] = slots;
      }
    }
    return { constrained, usualSlots };
  }

  /** Forgets what was learnt about lanes that have been idle for ten minutes. */
  sweep(nowMs: number): void {
    for (const [lane, { usedMs, throttle }] of this.#idle) {
      const idleFromMs = Math.max(usedMs, throttle?.resumedAtMs ?? 0);
      if (nowMs - idleFromMs > forgetAfterMs) this.#forget(lane);
    }
  }

  #note(lane: string, active: ActiveLane): void {
    const { slots } = active.state;
    for (const lanes of [this.#weak, this.#strong, this.#slowed]) lanes.delete(lane);
    if (slots < this.usualSlots) this.#weak.set(lane, active);
    if (slots > initialSlots) this.#strong.set(lane, active);
    if (active.restUntilMs > 0 || active.throttle !== undefined) this.#slowed.set(lane, active);
  }

  #remember(lane: string, active: ActiveLane): void {
    this.#idle.delete(lane);
    this.#idle.set(lane, active);
    const [oldest] = this.#idle.size > mostRemembered ? this.#idle.keys() : [];
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(lane: string): void {
    for (const lanes of [this.#lanes, this.#idle, this.#weak, this.#strong, this.#slowed])
      lanes.delete(lane);
  }
}

/** Whether time has to pass, or may have to, before it uses all of its slots. */
function isSlowed({ restUntilMs, throttle }: ActiveLane, nowMs: number): boolean {
  return restUntilMs > nowMs || throttle !== undefined;
}

function free({ state, inFlight, restUntilMs, throttle }: ActiveLane, nowMs: number): number {
  if (restUntilMs > nowMs) return 0;
  const slots = state.slots - inFlight;
  return throttle === undefined ? slots : Math.min(slots, roomOf(throttle, nowMs));
}

/** A request that was under way when another one was refused says nothing new. */
function refuse(
  active: ActiveLane,
  { epoch, nowMs, pauseMs }: { epoch: number; nowMs: number; pauseMs: number },
): void {
  if (epoch !== active.state.epoch) return;
  active.throttle = refused(active.throttle, { nowMs, pauseMs });
}
