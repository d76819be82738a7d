import { ease, grow, halve, initialSlots, type LaneSlots, restMs } from '../domain/lane-slots.ts';
import type { StrainLevel } from '../domain/strain.ts';

interface ActiveLane {
  state: LaneSlots;
  inFlight: number;
  usedMs: number;
  /** It works off a backlog. */
  isBehind: boolean;
  /** The round in which it last gained a slot. */
  grewIn: number;
  /** Failures in a row with the last slot, and until when it is left alone for them. */
  failures: number;
  restUntilMs: number;
}

const forgetAfterMs = 600_000;
/** Lanes that are not sent to are only remembered up to so many: whoever can notify can name as many as there are numbers. */
const mostRemembered = 20_000;

/** What a request's end says about how much the receiver can take. */
export interface LaneEnd {
  /** As given by begin(). */
  readonly epoch: number;
  readonly verdict: 'ok' | 'overload' | 'other';
  readonly nowMs: number;
}

const unknown = { isBehind: false, grewIn: -1, failures: 0, restUntilMs: 0 } as const;

/** How much each lane may have in flight and has, as this process has learnt it. A lane without an entry has the usual slots. */
export class ActiveLanes {
  readonly #maxSlots: number;
  readonly #lanes = new Map<string, ActiveLane>();
  #strain: StrainLevel = 'none';
  #round = 0;

  constructor(maxSlots: number) {
    this.#maxSlots = maxSlots;
  }

  /** How many slots a lane has that nobody told us about yet. */
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

  freeSlots(lane: string, nowMs: number): number {
    const active = this.#lanes.get(lane);
    return active === undefined ? this.usualSlots : free(active, nowMs);
  }

  /** Until when a lane that fails is left alone; 0 when it is not. */
  restUntilMs(lane: string, nowMs: number): number {
    const restUntilMs = this.#lanes.get(lane)?.restUntilMs ?? 0;
    return restUntilMs > nowMs ? restUntilMs : 0;
  }

  /** A request of the lane begins; the epoch is to be given back when it ends. */
  begin(lane: string, nowMs: number): number {
    const active = this.#lanes.get(lane);
    if (active !== undefined) {
      active.inFlight += 1;
      active.usedMs = nowMs;
      return active.state.epoch;
    }
    const state = { slots: this.usualSlots, epoch: 0 };
    this.#lanes.set(lane, { ...unknown, state, inFlight: 1, usedMs: nowMs });
    return state.epoch;
  }

  /** A request of the lane ended. */
  end(lane: string, { epoch, verdict, nowMs }: LaneEnd): void {
    const active = this.#lanes.get(lane);
    if (active === undefined) return;
    if (verdict === 'ok') this.#succeed(active);
    if (verdict === 'overload') fail(active, { epoch, nowMs });
    active.inFlight -= 1;
    const isUsual = active.state.slots === this.usualSlots && active.restUntilMs <= nowMs;
    if (active.inFlight === 0 && isUsual) this.#lanes.delete(lane);
  }

  /** The lane is well again after its breaker was open: one request at first, and then as many more as succeed. */
  slowStart(lane: string, nowMs: number): void {
    const active = this.#lanes.get(lane);
    if (active === undefined && this.#lanes.size >= mostRemembered) return;
    const epoch = (active?.state.epoch ?? 0) + 1;
    this.#lanes.set(lane, {
      ...unknown,
      state: { slots: 1, epoch },
      inFlight: active?.inFlight ?? 0,
      usedMs: nowMs,
      isBehind: true,
    });
  }

  /** Notes whether a lane works off a backlog: what it was given last had waited for long. */
  noteAge(lane: string, { isBehind }: { isBehind: boolean }): void {
    const active = this.#lanes.get(lane);
    if (active !== undefined) active.isBehind = isBehind;
  }

  /**
   * After each round. While there is something that has just arrived, lanes that work off a backlog grow by one slot a
   * round; while it has to wait, not at all, and they take less and less.
   */
  setStrain(level: StrainLevel): void {
    this.#strain = level;
    this.#round += 1;
    if (level !== 'high') return;
    for (const active of this.#lanes.values()) {
      if (active.isBehind) active.state = ease(active.state);
    }
  }

  /** Lanes with fewer free slots than usual: the claim must not give a lane it discovers more than these. */
  constrained(nowMs: number): Record<string, number> {
    const constrained: Record<string, number> = {};
    for (const [lane, active] of this.#lanes) {
      const slots = Math.max(0, free(active, nowMs));
      if (slots >= this.usualSlots) continue;
      constrained[lane] = slots;
    }
    return constrained;
  }

  /** Forgets what was learnt about lanes that have been idle for ten minutes. */
  sweep(nowMs: number): void {
    for (const [lane, active] of this.#lanes) {
      if (active.inFlight === 0 && nowMs - active.usedMs > forgetAfterMs) this.#lanes.delete(lane);
    }
  }

  #succeed(active: ActiveLane): void {
    active.failures = 0;
    active.restUntilMs = 0;
    if (active.isBehind && !this.#mayGrowBehind(active)) return;
    const { state, inFlight } = active;
    active.state = grow(state, { inFlight, maxSlots: this.#maxSlots });
    if (active.state !== state) active.grewIn = this.#round;
  }

  #mayGrowBehind({ grewIn }: ActiveLane): boolean {
    return this.#strain === 'none' || (this.#strain === 'shared' && grewIn !== this.#round);
  }
}

function free({ state, inFlight, restUntilMs }: ActiveLane, nowMs: number): number {
  return restUntilMs > nowMs ? 0 : state.slots - inFlight;
}

function fail(active: ActiveLane, { epoch, nowMs }: { epoch: number; nowMs: number }): void {
  const { state } = active;
  active.state = halve(state, epoch);
  if (state.slots > 1) return;
  active.failures += 1;
  active.restUntilMs = nowMs + restMs(active.failures);
}
