import { expect } from 'vitest';
import type { LaneGroups } from '../../src/domain/lane.ts';
import type { LaneWish } from '../../src/lanes/lane-wish.ts';
import type { Begun, Placed } from '../../src/lanes/request.ts';

/** How a request can end. */
export type Ending = 'delivered' | 'http_500' | 'timeout' | 'own_fault';

export interface Flight extends Placed {
  readonly begun: Begun;
  /** The epoch of each key in which it began, as the reference counts them. */
  readonly epochs: ReadonlyMap<string, number>;
}

interface Known {
  slots: number;
  epoch: number;
  failures: number;
  restUntilMs: number;
  answeredMs: number;
  /** The share of failures among its answers. */
  failing: number;
  busyFromMs: number;
}

/**
 * The rules of the lane book, written as plainly as possible: lists are walked, sums are summed up anew, nothing is parked and nothing
 * is forgotten. It does not choose. It says whether a choice keeps to the rules.
 */
export class PlainScheduler {
  readonly most: number;
  readonly flights: Flight[] = [];
  /** `lane:priority` of the lanes that the book knows to wait. */
  readonly waiting = new Set<string>();
  readonly groupsOf = new Map<string, LaneGroups>();
  readonly #known = new Map<string, Known>();

  constructor(most: number) {
    this.most = most;
  }

  get #mostOfGroup(): number {
    return Math.max(1, Math.ceil(this.most * 0.75));
  }

  get #mostOfLane(): number {
    return Math.max(1, Math.ceil(this.most / 2));
  }

  check(wishes: readonly LaneWish[], { room, nowMs }: { room: number; nowMs: number }): void {
    const wished = (of: (wish: LaneWish) => boolean) =>
      wishes.filter(of).reduce((sum, { quota }) => sum + quota, 0);
    const total = wished(() => true);
    expect(total).toBeLessThanOrEqual(room);
    for (const wish of wishes) {
      expect(wish.quota).toBeGreaterThan(0);
      expect(this.waiting.has(`${wish.lane}:${wish.priority}`)).toBe(true);
      expect(wish.groups).toEqual(this.groupsOf.get(wish.lane));
      const ofLane = wished(({ lane }) => lane === wish.lane);
      expect(ofLane, `lane ${wish.lane}`).toBeLessThanOrEqual(this.#laneFree(wish.lane, nowMs));
      for (const key of keysOf(wish.groups)) {
        const ofGroup = wished(({ groups }) => keysOf(groups).includes(key));
        expect(ofGroup, `group ${key}`).toBeLessThanOrEqual(this.#groupFree(key, nowMs));
      }
    }
    const wishedOfTop = (top: string) => wished(({ groups }) => topOf(groups) === top);
    this.#checkLastQuarter(wishedOfTop, nowMs);
    if (total < room) this.#checkNobodyIsLeft(wished, nowMs);
  }

  begin(place: Placed, { begun, nowMs }: { begun: Begun; nowMs: number }): void {
    const keys = [`lane ${place.lane}`, ...keysOf(place.groups)];
    for (const key of keys) {
      if (this.#inFlight(key) === 0) this.#of(key).busyFromMs = nowMs;
    }
    const epochs = new Map(keys.map((key) => [key, this.#of(key).epoch]));
    this.flights.push({ ...place, begun, epochs });
  }

  end(flight: Flight, { ending, nowMs }: { ending: Ending; nowMs: number }): void {
    const lane = `lane ${flight.lane}`;
    if (ending === 'delivered') this.#grow(lane, this.#mostOfLane);
    if (ending === 'http_500' || ending === 'timeout')
      this.#fail(lane, { flight, nowMs, rests: true });
    for (const key of keysOf(flight.groups)) {
      const rests = key === flight.groups.origin;
      if (ending === 'timeout') this.#fail(key, { flight, nowMs, rests });
      if (ending !== 'delivered' && ending !== 'http_500') continue;
      // What answers only with failures gets back no more than it began with.
      this.#grow(key, Math.min(ending === 'delivered' ? this.most : 16, this.#mostOfGroup));
      const known = this.#of(key);
      known.answeredMs = nowMs;
      known.failing = 0.95 * known.failing + (ending === 'http_500' ? 0.05 : 0);
    }
    this.flights.splice(this.flights.indexOf(flight), 1);
    // A lane is forgotten when it has nothing in flight and nothing was learnt about it.
    const { slots, restUntilMs } = this.#of(lane);
    const isUsual = slots === Math.min(8, this.#mostOfLane) && restUntilMs <= nowMs;
    if (isUsual && this.#inFlight(lane) === 0) this.#of(lane).failures = 0;
  }

  slowStart(key: string): void {
    const known = this.#of(key);
    known.slots = 1;
    known.epoch += 1;
    known.failures = 0;
    known.restUntilMs = 0;
  }

  /** Those who have not answered lately hold three quarters at most; and of the last quarter nobody gets more than an equal share. */
  #checkLastQuarter(wishedOfTop: (top: string) => number, nowMs: number): void {
    let [untrusted, untrustedWished, beyondShare] = [0, 0, 0];
    for (const top of this.#tops()) {
      const held = this.#held(top);
      const wished = wishedOfTop(top);
      beyondShare += Math.max(0, wished - Math.max(0, this.#share() - held));
      if (this.#isTrusted(top, nowMs)) continue;
      untrusted += held;
      untrustedWished += wished;
    }
    const common = Math.max(0, this.#mostOfGroup - this.flights.length);
    expect(beyondShare, 'beyond equal shares').toBeLessThanOrEqual(common);
    const free = Math.max(0, this.#mostOfGroup - untrusted);
    expect(untrustedWished, 'of those that do not answer').toBeLessThanOrEqual(free);
  }

  /** With room left, there must be nobody who could have had it. */
  #checkNobodyIsLeft(wished: (of: (wish: LaneWish) => boolean) => number, nowMs: number): void {
    const total = this.flights.length + wished(() => true);
    let untrusted = 0;
    for (const top of this.#tops()) {
      const held = this.#held(top) + wished(({ groups }) => topOf(groups) === top);
      if (!this.#isTrusted(top, nowMs)) untrusted += held;
    }
    for (const name of this.waiting) {
      const lane = name.slice(0, name.indexOf(':'));
      const groups = this.groupsOf.get(lane);
      if (groups === undefined) throw new Error(`lane ${lane} has no groups`);
      const ofLane = wished((wish) => wish.lane === lane);
      const ofKey = (key: string) => wished((wish) => keysOf(wish.groups).includes(key));
      const top = topOf(groups);
      const held = this.#held(top) + ofKey(top);
      const isAdmissible =
        this.#laneFree(lane, nowMs) > ofLane &&
        keysOf(groups).every((key) => this.#groupFree(key, nowMs) > ofKey(key)) &&
        (total < this.#mostOfGroup || held < this.#share()) &&
        (this.#isTrusted(top, nowMs) || untrusted < this.#mostOfGroup);
      if (isAdmissible) throw new Error(`${name} could have had a turn`);
    }
  }

  #laneFree(lane: string, nowMs: number): number {
    const { slots, restUntilMs } = this.#of(`lane ${lane}`);
    return restUntilMs > nowMs ? 0 : Math.max(0, slots - this.#inFlight(`lane ${lane}`));
  }

  #groupFree(key: string, nowMs: number): number {
    const { slots, restUntilMs, failing } = this.#of(key);
    if (restUntilMs > nowMs) return 0;
    let most = this.#isSilent(key, nowMs) ? Math.min(slots, 16) : slots;
    if (failing > 0.95) most = Math.min(slots, 4);
    return Math.max(0, most - this.#inFlight(key));
  }

  #isSilent(key: string, nowMs: number): boolean {
    const { answeredMs, busyFromMs } = this.#of(key);
    return this.#inFlight(key) > 0 && nowMs - Math.max(answeredMs, busyFromMs) >= 2_000;
  }

  #isTrusted(key: string, nowMs: number): boolean {
    return nowMs - this.#of(key).answeredMs <= 60_000 && !this.#isSilent(key, nowMs);
  }

  #share(): number {
    return Math.ceil(this.most / Math.max(1, this.#tops().size));
  }

  /** The top groups that have work. */
  #tops(): ReadonlySet<string> {
    const tops = new Set(this.flights.map(({ groups }) => topOf(groups)));
    for (const name of this.waiting) {
      const groups = this.groupsOf.get(name.slice(0, name.indexOf(':')));
      if (groups !== undefined) tops.add(topOf(groups));
    }
    return tops;
  }

  #inFlight(key: string): number {
    return this.flights.filter(({ epochs }) => epochs.has(key)).length;
  }

  #held(top: string): number {
    return this.flights.filter(({ groups }) => topOf(groups) === top).length;
  }

  #grow(key: string, most: number): void {
    const known = this.#of(key);
    known.failures = 0;
    known.restUntilMs = 0;
    if (known.slots < most && this.#inFlight(key) * 2 >= known.slots) known.slots += 1;
  }

  #fail(
    key: string,
    { flight, nowMs, rests }: { flight: Flight; nowMs: number; rests: boolean },
  ): void {
    const known = this.#of(key);
    const hadLastSlot = known.slots === 1;
    if (flight.epochs.get(key) === known.epoch) {
      known.slots = Math.max(1, Math.floor(known.slots / 2));
      known.epoch += 1;
    }
    if (!hadLastSlot || !rests) return;
    known.failures += 1;
    known.restUntilMs = nowMs + Math.min(125 * 2 ** (known.failures - 1), 2_000);
  }

  #of(key: string): Known {
    const slots = key.startsWith('lane ')
      ? Math.min(8, this.#mostOfLane)
      : Math.min(16, this.#mostOfGroup);
    const fresh = { slots, epoch: 0, failures: 0, restUntilMs: 0 };
    const known = this.#known.get(key) ?? { ...fresh, answeredMs: -1e9, failing: 0, busyFromMs: 0 };
    this.#known.set(key, known);
    return known;
  }
}

function topOf({ tenant, origin }: LaneGroups): string {
  return tenant ?? origin;
}

function keysOf({ tenant, origin }: LaneGroups): string[] {
  return tenant === null ? [origin] : [tenant, origin];
}
