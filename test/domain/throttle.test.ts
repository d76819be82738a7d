import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  begun,
  readyAt,
  refusalOf,
  refused,
  roomOf,
  succeeded,
  type Throttle,
} from '../../src/domain/throttle.ts';

/** A receiver that takes so many requests a second, some of them at once, and a lane with a backlog for it. */
function drive(receiver: {
  ratePerS: number;
  burst: number;
  pauseMs: number;
  forS: number;
  /** How late each request is. In ms, one after the other, again and again. */
  delaysMs: readonly number[];
}) {
  const { ratePerS, burst, pauseMs, delaysMs } = receiver;
  let throttle: Throttle | undefined = refused(undefined, { nowMs: 0, pauseMs });
  let tokens = 0;
  let nowMs = 0;
  const count = { taken: 0, refused: 0, takenLate: 0, requests: 0 };
  while (nowMs < receiver.forS * 1_000 && throttle !== undefined) {
    const delayMs: number = delaysMs[count.requests % delaysMs.length] ?? 0;
    const nextMs: number = Math.max(nowMs, readyAt(throttle)) + delayMs;
    tokens = Math.min(burst, tokens + ((nextMs - nowMs) * ratePerS) / 1_000);
    nowMs = nextMs;
    expect(roomOf(throttle, nowMs)).toBeGreaterThan(0);
    throttle = begun(throttle, nowMs);
    count.requests += 1;
    if (tokens >= 1) {
      tokens -= 1;
      count.taken += 1;
      if (nowMs > receiver.forS * 500) count.takenLate += 1;
      throttle = succeeded(throttle);
    } else {
      count.refused += 1;
      throttle = refused(throttle, { nowMs, pauseMs });
    }
  }
  return { ...count, takenLatePerS: count.takenLate / (receiver.forS / 2), throttle };
}

describe('the rate that a receiver takes', () => {
  it('is found for any receiver: it gets most of what it takes, and few of the requests are refused', () => {
    fc.assert(
      fc.property(
        fc.record({
          ratePerS: fc.double({ min: 0.2, max: 40, noNaN: true }),
          burst: fc.double({ min: 1, max: 40, noNaN: true }),
          pauseMs: fc.constantFrom(0, 1_000, 3_000, 10_000),
          // A request too late is followed by one that comes too soon: a receiver that takes none too soon gets less.
          delaysMs: fc.array(fc.double({ min: 0, max: 2, noNaN: true }), {
            minLength: 1,
            maxLength: 20,
          }),
        }),
        ({ ratePerS, burst, ...rest }) => {
          // The pace may begin a tenth of a second's worth at once.
          const fair = Math.max(burst, 1 + ratePerS / 5);
          const found = drive({ ratePerS, burst: fair, forS: 600, ...rest });
          expect(found.takenLatePerS).toBeGreaterThan(0.8 * ratePerS);
          expect(found.refused).toBeLessThan(20 + found.taken / 20);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is low for a receiver that takes nothing, and never so low that it is not asked', () => {
    const { requests, throttle } = drive({
      ratePerS: 0,
      burst: 0,
      pauseMs: 1_000,
      forS: 86_400,
      delaysMs: [0],
    });
    expect(throttle?.ratePerS).toBe(0.01);
    expect(requests).toBeGreaterThan(800);
    expect(requests).toBeLessThan(1_000);
  });

  it('grows again when the receiver takes more than it did', () => {
    let throttle: Throttle | undefined = refused(undefined, { nowMs: 0, pauseMs: 0 });
    for (const nowMs of [10_000, 60_000]) throttle = refused(throttle, { nowMs, pauseMs: 0 });
    let nowMs = 0;
    while (throttle !== undefined && nowMs < 900_000) {
      nowMs = Math.max(nowMs, readyAt(throttle));
      throttle = succeeded(begun(throttle, nowMs));
    }
    expect(throttle).toBeUndefined();
  });

  it('does not grow while it is not used', () => {
    const first = refused(undefined, { nowMs: 0, pauseMs: 0 });
    expect(succeeded(begun(first, 10_000))?.ratePerS).toBe(first.ratePerS);
    expect(succeeded(begun(first, 1_001))?.ratePerS).toBeGreaterThan(first.ratePerS);
  });

  it('begins with one request when a pause is over', () => {
    const fast: Throttle = { ...refused(undefined, { nowMs: 0, pauseMs: 0 }), ratePerS: 200 };
    const after = refused(fast, { nowMs: 0, pauseMs: 3_000 });
    expect([2_999, 3_000].map((nowMs) => roomOf(after, nowMs))).toEqual([0, 1]);
  });
});

it('a refusal is a 429, and any answer whose Retry-After counts', () => {
  const refusal = (reason: string, notBeforeMs?: number) =>
    refusalOf({ kind: 'retry', reason, notBeforeMs, pressure: 'overload' });
  expect(refusal('http_429', 2_000)).toEqual({ pauseMs: 2_000 });
  expect(refusal('http_429')).toEqual({ pauseMs: 0 });
  expect(refusal('http_503', 2_000)).toEqual({ pauseMs: 2_000 });
  expect(refusal('http_503')).toBeUndefined();
  expect(refusalOf({ kind: 'delivered' })).toBeUndefined();
});
