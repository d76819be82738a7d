import { describe, expect, it } from 'vitest';
import { type LaneRule, OwnedLanes } from '../../src/lanes/owned-lanes.ts';

// The limits of the lanes that are this process's alone. Times are literals, ms.

const rule = (given: Partial<LaneRule>): LaneRule => ({
  isOrdered: false,
  maxInFlight: null,
  ratePerS: null,
  rateInMs: 0,
  retryInMs: 0,
  ...given,
});

function owning(given: Partial<LaneRule>, nowMs = 0): OwnedLanes {
  const lanes = new OwnedLanes();
  lanes.own('a', { rule: rule(given), nowMs });
  return lanes;
}

const room = (lanes: OwnedLanes, nowMs: number, inFlight = 0) =>
  lanes.room('a', { inFlight, nowMs });

describe('a lane that is not owned', () => {
  it('has no limits here', () => {
    const lanes = new OwnedLanes();
    lanes.begin('a', 0);
    lanes.noteHead('a', 5);
    expect([room(lanes, 0), lanes.readyAtMs('a', 0), lanes.has('a')]).toEqual([
      Number.POSITIVE_INFINITY,
      0,
      false,
    ]);
    expect([lanes.isOrdered('a'), lanes.orderedFromMs('a')]).toEqual([false, undefined]);
    expect(lanes.isIdle('a', { nowMs: 9e9, afterMs: 0 })).toBe(false);
    expect(lanes.names).toEqual([]);
  });

  it('is so again when it is given up', () => {
    const lanes = owning({ maxInFlight: 1 });
    expect([lanes.names, lanes.has('a'), room(lanes, 0, 1)]).toEqual([['a'], true, 0]);
    lanes.disown('a');
    expect([lanes.names, lanes.has('a'), room(lanes, 0, 1)]).toEqual([
      [],
      false,
      Number.POSITIVE_INFINITY,
    ]);
  });
});

describe('the most in flight', () => {
  it.each([
    [3, 0, 3],
    [3, 2, 1],
    [3, 3, 0],
    [3, 5, -2],
    [null, 1_000, Number.POSITIVE_INFINITY],
  ])('of %s, with %i in flight, is %d more', (maxInFlight, inFlight, more) => {
    expect(room(owning({ maxInFlight }), 0, inFlight)).toBe(more);
  });

  it('of an ordered lane is one, whatever it may have', () => {
    const lanes = owning({ isOrdered: true, maxInFlight: 5 });
    expect([room(lanes, 0), room(lanes, 0, 1)]).toEqual([1, 0]);
    expect(lanes.readyAtMs('a', 0)).toBe(0);
  });
});

describe('a rate', () => {
  it('is kept by what begins, and says when the next may', () => {
    const lanes = owning({ ratePerS: 2, maxInFlight: 10 });
    expect([room(lanes, 1_000), lanes.readyAtMs('a', 1_000)]).toEqual([1, 0]);
    lanes.begin('a', 1_000);
    expect([room(lanes, 1_000), room(lanes, 1_490), room(lanes, 1_500)]).toEqual([0, 0, 1]);
    expect([lanes.readyAtMs('a', 1_000), lanes.readyAtMs('a', 1_500)]).toEqual([1_500, 0]);
  });

  it('allows no more than the slots do', () => {
    const lanes = owning({ ratePerS: 100, maxInFlight: 3 });
    expect([room(lanes, 0), room(lanes, 0, 2)]).toEqual([3, 1]);
    expect(room(owning({ ratePerS: 100 }), 0)).toBe(10);
  });

  it('that a former owner has used begins when that is over', () => {
    const lanes = owning({ ratePerS: 2, rateInMs: 300 }, 1_000);
    expect([room(lanes, 1_290), room(lanes, 1_300)]).toEqual([0, 1]);
    // And then one at a time, not a burst.
    const fast = owning({ ratePerS: 100, rateInMs: 1 });
    expect([room(fast, 0), room(fast, 1)]).toEqual([0, 1]);
  });

  it('that is read again goes on where it was', () => {
    const lanes = owning({ ratePerS: 2 });
    lanes.begin('a', 1_000);
    lanes.own('a', { rule: rule({ ratePerS: 2, rateInMs: 0 }), nowMs: 1_100 });
    expect([room(lanes, 1_490), room(lanes, 1_500)]).toEqual([0, 1]);
  });

  it('that is changed waits no longer than one turn of the new one', () => {
    const lanes = owning({ ratePerS: 0.01 });
    lanes.begin('a', 1_000);
    expect(lanes.readyAtMs('a', 1_000)).toBe(101_000);
    lanes.own('a', { rule: rule({ ratePerS: 1 }), nowMs: 2_000 });
    expect([room(lanes, 2_990), room(lanes, 3_000)]).toEqual([0, 1]);
  });

  it('that is taken away is none', () => {
    const lanes = owning({ ratePerS: 0.01 });
    lanes.begin('a', 1_000);
    lanes.own('a', { rule: rule({}), nowMs: 1_001 });
    expect(room(lanes, 1_001)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('an ordered lane', () => {
  it('that is held for a retry has no room until then', () => {
    const lanes = owning({ isOrdered: true, retryInMs: 500 }, 1_000);
    expect([room(lanes, 1_499), room(lanes, 1_500)]).toEqual([0, 1]);
    expect([lanes.readyAtMs('a', 1_499), lanes.readyAtMs('a', 1_500)]).toEqual([1_500, 0]);
  });

  it('goes on where its last webhook was due', () => {
    const lanes = owning({ isOrdered: true });
    expect([lanes.isOrdered('a'), lanes.orderedFromMs('a')]).toEqual([true, 0]);
    lanes.noteHead('a', 700);
    expect(lanes.orderedFromMs('a')).toBe(700);
    const other = owning({});
    other.noteHead('a', 700);
    expect([other.isOrdered('a'), other.orderedFromMs('a')]).toEqual([false, undefined]);
  });
});

describe('the rate of a tenant', () => {
  const wish = (lane: string, { quota = 1, ahead = 1, tenant = 'a' as string | null } = {}) => ({
    ...{ lane, priority: 1, quota, ahead, dueFromMs: 0, rank: 1, isOwned: true },
    groups: { tenant, origin: 'o' },
  });
  const aheadsOf = (lanes: OwnedLanes, wishes: Parameters<OwnedLanes['withinRates']>[0]) =>
    lanes.withinRates(wishes, 0).map(({ ahead }) => ahead);

  it('bounds what all of its ordered lanes take ahead, besides all else that it is sent', () => {
    const lanes = owning({ isTenant: true, ratePerS: 100 });
    const wishes = [
      wish('1', { ahead: 5 }),
      wish('2', { quota: 2 }),
      wish('3', { ahead: 5 }),
      wish('4', { ahead: 5 }),
      wish('5', { ahead: 5, tenant: null }),
      wish('6', { ahead: 5, tenant: 'b' }),
    ];
    expect(aheadsOf(lanes, wishes)).toEqual([5, 1, 2, 1, 5, 5]);
  });

  it('is used up for what was claimed and waits for its turn', () => {
    const lanes = owning({ isTenant: true, ratePerS: 100 });
    lanes.noteAwaited('a', 8);
    expect([room(lanes, 0), aheadsOf(lanes, [wish('1', { ahead: 5 })])]).toEqual([2, [2]]);
    lanes.own('a', { rule: rule({ isTenant: true, ratePerS: 50 }), nowMs: 0 });
    expect(room(lanes, 0)).toBeLessThanOrEqual(0);
    lanes.noteAwaited('a', -8);
    lanes.noteAwaited('a', -1);
    expect(room(lanes, 0)).toBe(5);
  });

  it('does not matter without one', () => {
    const lanes = owning({ isTenant: true, maxInFlight: 3 });
    lanes.noteAwaited('a', 8);
    expect([room(lanes, 0), aheadsOf(lanes, [wish('1', { ahead: 5 })])]).toEqual([3, [5]]);
  });
});

describe('an idle lane', () => {
  const afterMs = 5_000;

  it('is one without a request for so long', () => {
    const lanes = owning({ maxInFlight: 2 }, 1_000);
    expect(lanes.isIdle('a', { nowMs: 5_999, afterMs })).toBe(false);
    expect(lanes.isIdle('a', { nowMs: 6_000, afterMs })).toBe(true);
    lanes.begin('a', 6_000);
    expect(lanes.isIdle('a', { nowMs: 10_999, afterMs })).toBe(false);
    expect(lanes.isIdle('a', { nowMs: 11_000, afterMs })).toBe(true);
  });

  it('is none as long as somebody who takes it over could send too early', () => {
    const lanes = owning({ ratePerS: 0.1 });
    lanes.begin('a', 1_000);
    expect(lanes.isIdle('a', { nowMs: 10_999, afterMs })).toBe(false);
    expect(lanes.isIdle('a', { nowMs: 11_000, afterMs })).toBe(true);
  });
});
