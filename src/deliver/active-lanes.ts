import { ease, grow, halve, initialSlots, type LaneSlots } from '../domain/lane-slots.ts';

interface ActiveLane {
  state: LaneSlots;
  inFlight: number;
  usedMs: number;
  /** It works off a backlog. */
  isBehind: boolean;
}

const forgetAfterMs = 600_000;

/** How much each lane may have in flight and has, as this process has learnt it. A lane without an entry has the usual slots. */
export class ActiveLanes {
  readonly #maxSlots: number;
  readonly #lanes = new Map<string, ActiveLane>();
  #isStrained = false;

  constructor(maxSlots: number) {
    this.#maxSlots = maxSlots;
  }

  /** How many slots a lane has that nobody told us about yet. */
  get usualSlots(): number {
    return Math.min(initialSlots, this.#maxSlots);
  }

  inFlight(lane: string): number {
    return this.#lanes.get(lane)?.inFlight ?? 0;
  }

  freeSlots(lane: string): number {
    const active = this.#lanes.get(lane);
    return active === undefined ? this.usualSlots : active.state.slots - active.inFlight;
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
    this.#lanes.set(lane, { state, inFlight: 1, usedMs: nowMs, isBehind: false });
    return state.epoch;
  }

  /** A request of the lane ended. `verdict` is what it says about how much the receiver can take. */
  end(lane: string, { epoch, verdict }: { epoch: number; verdict: 'ok' | 'overload' | 'other' }) {
    const active = this.#lanes.get(lane);
    if (active === undefined) return;
    const { inFlight, state } = active;
    if (verdict === 'ok' && !(this.#isStrained && active.isBehind)) {
      active.state = grow(state, { inFlight, maxSlots: this.#maxSlots });
    }
    if (verdict === 'overload') active.state = halve(state, epoch);
    active.inFlight -= 1;
    if (active.inFlight === 0 && active.state.slots === this.usualSlots) this.#lanes.delete(lane);
  }

  /** The lane is well again after its breaker was open: one request at first, and then as many more as succeed. */
  slowStart(lane: string, nowMs: number): void {
    const active = this.#lanes.get(lane);
    const epoch = (active?.state.epoch ?? 0) + 1;
    this.#lanes.set(lane, {
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

  /** While what has just arrived has to wait, lanes that work off a backlog take less and less, and do not grow. */
  setStrain(isStrained: boolean): void {
    this.#isStrained = isStrained;
    if (!isStrained) return;
    for (const active of this.#lanes.values()) {
      if (active.isBehind) active.state = ease(active.state);
    }
  }

  /** Lanes with fewer free slots than usual: the claim must not give a lane it discovers more than these. */
  constrained(): Record<string, number> {
    const free: Record<string, number> = {};
    for (const [lane, active] of this.#lanes) {
      const slots = Math.max(0, active.state.slots - active.inFlight);
      if (slots >= this.usualSlots) continue;
      free[lane] = slots;
    }
    return free;
  }

  /** Forgets what was learnt about lanes that have been idle for ten minutes. */
  sweep(nowMs: number): void {
    for (const [lane, active] of this.#lanes) {
      if (active.inFlight === 0 && nowMs - active.usedMs > forgetAfterMs) this.#lanes.delete(lane);
    }
  }
}
