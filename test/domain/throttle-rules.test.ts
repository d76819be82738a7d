import { describe, expect, it } from 'vitest';
import { createPace } from '../../src/domain/pace.ts';
import {
  begun,
  paused,
  readyAt,
  refused,
  roomOf,
  succeeded,
  type Throttle,
} from '../../src/domain/throttle.ts';

// Each rule of the throttle by itself; throttle.test.ts shows that together they find the rate of any receiver.

const at = (given: Partial<Throttle>): Throttle => ({
  ratePerS: 10,
  refusedAtPerS: undefined,
  resumedAtMs: 0,
  hasSucceeded: true,
  isUsed: true,
  pace: createPace(given.ratePerS ?? 10),
  ...given,
});
const again = { nowMs: 100_000, pauseMs: 0 };

describe('after a refusal', () => {
  it('a lane that was not throttled goes on with one request a second', () => {
    const first = refused(undefined, { nowMs: 500, pauseMs: 0 });
    expect(first).toMatchObject({
      ratePerS: 1,
      refusedAtPerS: undefined,
      resumedAtMs: 1_500,
      hasSucceeded: false,
      isUsed: false,
    });
    expect([1_498, 1_500, 2_498].map((nowMs) => roomOf(first, nowMs))).toEqual([0, 1, 1]);
  });

  it.each([
    ['by half, if nothing has succeeded since the last one', { hasSucceeded: false }, 5],
    ['by half, if no refused rate is known', { refusedAtPerS: undefined }, 5],
    ['by a tenth, long after the last pause', { resumedAtMs: 0 }, 9],
    ['by a tenth, ten seconds after the last pause', { resumedAtMs: 90_000 }, 9],
    ['by a quarter, less than ten seconds after it', { resumedAtMs: 90_001 }, 7.5],
  ])('the rate falls %s', (_what, given, ratePerS) => {
    const known = at({ refusedAtPerS: 12, ...given });
    const lower = refused(known, again);
    expect(lower.ratePerS).toBeCloseTo(ratePerS, 9);
    expect(lower.refusedAtPerS).toBe(10);
  });

  it('the rate is one request in 100 s at the least', () => {
    const known = at({ ratePerS: 0.015, hasSucceeded: false });
    expect(refused(known, again).ratePerS).toBe(0.01);
  });

  it('the pause is what the receiver asks for, or one turn if that is longer', () => {
    const short = refused(undefined, { nowMs: 1_000, pauseMs: 900 });
    const long = refused(undefined, { nowMs: 1_000, pauseMs: 3_000 });
    expect([short.resumedAtMs, long.resumedAtMs]).toEqual([2_000, 4_000]);
    expect([readyAt(short), readyAt(long)]).toEqual([2_000, 4_000]);
  });

  it('a pause of more than five seconds is left to the breaker after these', () => {
    const long = refused(undefined, { nowMs: 1_000, pauseMs: 60_000 });
    expect([long.resumedAtMs, readyAt(long)]).toEqual([61_000, 6_000]);
    expect(refused(undefined, { nowMs: 1_000, pauseMs: 5_000 })).toMatchObject({
      resumedAtMs: 6_000,
    });
  });

  it('a turn of more than five seconds is waited for', () => {
    const slow = refused(at({ ratePerS: 0.1, hasSucceeded: false }), again);
    expect(slow.ratePerS).toBe(0.05);
    expect([slow.resumedAtMs, readyAt(slow)]).toEqual([120_000, 120_000]);
  });
});

describe('a pause that all workers know of', () => {
  it('begins when it is told, and lasts five seconds here at most', () => {
    const throttle = refused(undefined, { nowMs: 0, pauseMs: 0 });
    expect(readyAt(paused(throttle, { nowMs: 2_000, pauseMs: 3_000 }))).toBe(5_000);
    expect(readyAt(paused(throttle, { nowMs: 2_000, pauseMs: 60_000 }))).toBe(7_000);
  });

  it('makes no turn come sooner, and changes no rate', () => {
    const throttle = refused(undefined, { nowMs: 0, pauseMs: 4_000 });
    const later = paused(throttle, { nowMs: 0, pauseMs: 100 });
    expect(readyAt(later)).toBe(4_000);
    expect(later).toMatchObject({ ratePerS: 1, resumedAtMs: 4_000, hasSucceeded: false });
  });
});

describe('after a success', () => {
  it.each([
    ['one more a second, as long as no refused rate is known', 10, undefined, 11],
    ['twice as many, below one a second', 0.4, undefined, 0.8],
    ['a tenth of one, far above the refused rate', 11.6, 10, 11.7],
    ['a tenth of its own, far above it and below one', 0.6, 0.5, 0.66],
    ['very little, as much above it', 11.5, 10, 11.502],
    ['very little, just below it', 8.5, 10, 8.502],
    ['a twentieth of its own, near it and very low', 0.02, 0.02, 0.021],
    ['a little, far below it', 8.4, 10, 8.43],
    ['a tenth of its own, far below it and low', 0.1, 10, 0.11],
  ])('the rate grows by %s: %d with %s refused', (_what, ratePerS, refusedAtPerS, grown) => {
    const after = succeeded(at({ ratePerS, refusedAtPerS, hasSucceeded: false }));
    expect(after?.ratePerS).toBeCloseTo(grown, 9);
    expect(after?.hasSucceeded).toBe(true);
    expect(after?.pace.intervalMs).toBeCloseTo(1_000 / grown, 6);
    expect(after?.refusedAtPerS).toBe(refusedAtPerS);
  });

  it('the next turn is when it was', () => {
    const throttle = begun(at({ ratePerS: 1, pace: createPace(1) }), 7_000);
    expect(succeeded(throttle)?.pace.nextMs).toBe(8_000);
  });

  it('a receiver that takes 1,000 a second is not throttled any more', () => {
    expect(succeeded(at({ ratePerS: 998.9 }))?.ratePerS).toBeCloseTo(999.9, 9);
    expect(succeeded(at({ ratePerS: 999 }))).toBeUndefined();
  });

  it('a rate that is not used stays as it is', () => {
    const unused = at({ ratePerS: 2_000, isUsed: false, hasSucceeded: false });
    expect(succeeded(unused)).toEqual({ ...unused, hasSucceeded: true });
  });
});

describe('a request that begins', () => {
  it('uses the rate if it comes within one turn of when it might', () => {
    const throttle = at({ ratePerS: 1, pace: { ...createPace(1), nextMs: 5_000 } });
    expect(begun(throttle, 6_000)).toMatchObject({ isUsed: true, pace: { nextMs: 7_000 } });
    expect(begun(throttle, 6_001)).toMatchObject({ isUsed: false, pace: { nextMs: 7_001 } });
    expect(begun(throttle, 5_000)).toMatchObject({ isUsed: true, ratePerS: 1, resumedAtMs: 0 });
  });
});
