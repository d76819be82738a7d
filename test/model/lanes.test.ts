import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ownGroup } from '../../src/domain/lane.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import type { Begun } from '../../src/lanes/request.ts';
import { of } from '../support/placed.ts';

// The lanes as one process knows them, against a model of a queue: random arrivals, claims, ends, limits, retries of
// ordered lanes, breakers that close. Nothing exceeds its limit, and whatever may be sent is sent.

const lanes = ['a', 'b', 'c', 'd'] as const;
type Lane = (typeof lanes)[number];

type Event =
  | {
      readonly kind: 'arrive';
      readonly lane: Lane;
      readonly priority: number;
      readonly count: number;
    }
  | { readonly kind: 'claim'; readonly room: number }
  | { readonly kind: 'end'; readonly verdict: 'ok' | 'overload' | 'other' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'slowStart'; readonly lane: Lane }
  | {
      readonly kind: 'limit';
      readonly lane: Lane;
      readonly most: number | null;
      readonly ratePerS: number | null;
    }
  | { readonly kind: 'order'; readonly lane: Lane }
  | { readonly kind: 'free'; readonly lane: Lane }
  | { readonly kind: 'hold'; readonly lane: Lane; readonly ms: number };

const lane = fc.constantFrom(...lanes);
const events: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('arrive' as const),
      lane,
      priority: fc.nat(2),
      count: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('claim' as const),
      room: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      verdict: fc.constantFrom('ok' as const, 'overload' as const, 'other' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(400) }) },
  fc.record({ kind: fc.constant('slowStart' as const), lane }),
  fc.record({
    kind: fc.constant('limit' as const),
    lane,
    most: fc.option(fc.integer({ min: 1, max: 5 })),
    ratePerS: fc.option(fc.integer({ min: 1, max: 200 })),
  }),
  fc.record({ kind: fc.constant('order' as const), lane }),
  fc.record({ kind: fc.constant('free' as const), lane }),
  fc.record({ kind: fc.constant('hold' as const), lane, ms: fc.nat(300) }),
);

const maxSlots = 12;

/** What the book should know, kept in the plainest way. */
class World {
  readonly book = new LaneBook({ most: maxSlots * 2 });
  readonly #queue = new Map<string, number>();
  readonly #flights: { readonly lane: Lane; readonly begun: Begun }[] = [];
  readonly #most = new Map<Lane, number>();
  readonly #rate = new Map<Lane, number>();
  readonly #begun = new Map<Lane, number[]>();
  readonly #heldUntilMs = new Map<Lane, number>();
  readonly #ordered = new Set<Lane>();
  readonly #owned = new Set<Lane>();
  nowMs = 1_000;

  get waiting(): number {
    return [...this.#queue.values()].reduce((sum, count) => sum + count, 0);
  }

  get inFlight(): number {
    return this.#flights.length;
  }

  run(event: Event): void {
    switch (event.kind) {
      case 'arrive':
        this.#arrive(event);
        break;
      case 'claim':
        this.claim(event.room);
        break;
      case 'end':
        this.end(event.verdict);
        break;
      case 'wait':
        this.nowMs += event.ms;
        break;
      case 'slowStart':
        this.book.slowStart(event.lane, this.nowMs);
        this.book.addAll(event.lane);
        break;
      case 'limit':
        this.#own(event.lane, { most: event.most, ratePerS: event.ratePerS, isOrdered: false });
        break;
      case 'order':
        this.#own(event.lane, { most: null, ratePerS: null, isOrdered: true });
        break;
      case 'free':
        this.#most.delete(event.lane);
        this.#rate.delete(event.lane);
        this.#heldUntilMs.delete(event.lane);
        this.#ordered.delete(event.lane);
        this.#owned.delete(event.lane);
        this.book.disown(event.lane);
        this.book.addAll(event.lane);
        break;
      case 'hold':
        this.#hold(event);
        break;
      default:
        event satisfies never;
    }
  }

  claim(room: number): number {
    const wishes = this.book.choose(room, this.nowMs);
    const claimed: { lane: string; priority: number; dueMs: number }[] = [];
    const asked = wishes.reduce((sum, { quota }) => sum + quota, 0);
    expect(asked).toBeLessThanOrEqual(room);
    for (const wish of wishes) {
      expect(wish.quota).toBeGreaterThan(0);
      expect(wish.isOwned).toBe(this.#owned.has(wish.lane as Lane));
      const priority = this.#priorityGiven(wish);
      const name = `${wish.lane}:${priority}`;
      const waiting = this.#queue.get(name) ?? 0;
      const count = Math.min(waiting, wish.quota);
      this.#queue.set(name, waiting - count);
      for (let n = 0; n < count; n += 1) {
        claimed.push({ lane: wish.lane, priority, dueMs: 1 });
        this.#begin(wish.lane as Lane);
      }
    }
    this.book.learn({ wishes, claimed, discovered: [], wasFull: claimed.length >= room });
    return claimed.length;
  }

  end(verdict: 'ok' | 'overload' | 'other'): void {
    const flight = this.#flights.shift();
    if (flight === undefined) return;
    const { lane, begun } = flight;
    this.book.end(of(lane), { begun, answered: verdict === 'ok', verdict, nowMs: this.nowMs });
  }

  /** Of an ordered lane the first one, which may have any priority: it was enqueued before the lane became ordered. */
  #priorityGiven({ lane, priority }: { lane: string; priority: number }): number {
    if (!this.#ordered.has(lane as Lane)) return priority;
    return [2, 1, 0].find((any) => (this.#queue.get(`${lane}:${any}`) ?? 0) > 0) ?? priority;
  }

  #arrive({ lane, priority, count }: { lane: Lane; priority: number; count: number }): void {
    const name = `${lane}:${priority}`;
    this.#queue.set(name, (this.#queue.get(name) ?? 0) + count);
    this.book.add({ lane, priority, dueMs: 1, groups: ownGroup(lane) });
  }

  #begin(lane: Lane): void {
    expect(this.#heldUntilMs.get(lane) ?? 0).toBeLessThanOrEqual(this.nowMs);
    this.#flights.push({ lane, begun: this.book.begin(of(lane), this.nowMs) });
    const inFlight = this.#flights.filter((flight) => flight.lane === lane).length;
    expect(inFlight).toBeLessThanOrEqual(maxSlots);
    expect(inFlight).toBeLessThanOrEqual(this.#most.get(lane) ?? maxSlots);
    const ratePerS = this.#rate.get(lane);
    if (ratePerS === undefined) return;
    const begun = this.#begun.get(lane) ?? [];
    this.#begun.set(lane, [...begun, this.nowMs]);
    const within = begun.filter((at) => at > this.nowMs - 1_000).length + 1;
    expect(within).toBeLessThanOrEqual(ratePerS * 1.1 + 1.01);
  }

  #own(
    lane: Lane,
    {
      most,
      ratePerS,
      isOrdered,
      retryInMs = 0,
    }: { most: number | null; ratePerS: number | null; isOrdered: boolean; retryInMs?: number },
  ): void {
    // What is in flight already was begun under other rules.
    const inFlight = this.#flights.filter((flight) => flight.lane === lane).length;
    this.#most.set(lane, Math.max(isOrdered ? 1 : (most ?? maxSlots), inFlight));
    if (isOrdered) this.#ordered.add(lane);
    else this.#ordered.delete(lane);
    this.#rate.delete(lane);
    this.#begun.delete(lane);
    if (ratePerS !== null) this.#rate.set(lane, ratePerS);
    this.#heldUntilMs.delete(lane);
    this.book.own(lane, {
      rule: { isOrdered, maxInFlight: most, ratePerS, rateInMs: 0, retryInMs },
      nowMs: this.nowMs,
    });
    this.#owned.add(lane);
    this.book.addAll(lane);
  }

  #hold({ lane, ms }: { lane: Lane; ms: number }): void {
    if (!this.#ordered.has(lane)) return;
    this.#own(lane, { most: null, ratePerS: null, isOrdered: true, retryInMs: ms });
    this.#heldUntilMs.set(lane, this.nowMs + ms);
  }
}

it('keeps to every limit, and forgets no lane that has work', () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 150 }), (history) => {
      const world = new World();
      for (const event of history) world.run(event);
      // With time and answers, everything is sent: no lane is left parked, and none is forgotten while it has work.
      for (let round = 0; world.waiting > 0 && round < 20_000; round += 1) {
        if (world.claim(40) === 0) {
          if (world.inFlight > 0) while (world.inFlight > 0) world.end('ok');
          else
            world.nowMs = Math.max(
              world.nowMs + 1,
              Math.min(world.book.nextReadyMs, world.nowMs + 5_000),
            );
        }
      }
      expect(world.waiting).toBe(0);
    }),
    { numRuns: 500 },
  );
});
