import { expect, it } from 'vitest';
import { allowedBy, createPace, readyAtMs, spend, usedUp } from '../../src/domain/pace.ts';

// The numbers of a pace one by one; pace.test.ts shows that they keep to the rate.

it.each([
  [0.5, 2_000, 1],
  [1, 1_000, 1],
  [19, 1_000 / 19, 1],
  [20, 50, 2],
  [29, 1_000 / 29, 2],
  [100, 10, 10],
])('%d a second are one in %d ms, and %i at once after a pause', (rate, intervalMs, burst) => {
  const pace = createPace(rate);
  expect(pace).toEqual({ intervalMs, burst, nextMs: Number.NEGATIVE_INFINITY });
  expect([allowedBy(pace, 0), allowedBy(pace, 1e9)]).toEqual([burst, burst]);
});

it('what is spent comes back one by one', () => {
  let pace = createPace(20);
  for (const left of [2, 1, 0]) {
    expect(allowedBy(pace, 1_000)).toBe(left);
    if (left > 0) pace = spend(pace, 1_000);
  }
  expect([pace.nextMs, readyAtMs(pace)]).toEqual([1_100, 1_050]);
  expect([1_049, 1_050, 1_099, 1_100, 9_999].map((nowMs) => allowedBy(pace, nowMs))).toEqual([
    0, 1, 1, 2, 2,
  ]);
});

it('a request that comes late is counted from when it comes', () => {
  expect(spend({ ...createPace(1), nextMs: 500 }, 2_000).nextMs).toBe(3_000);
  expect(spend({ ...createPace(1), nextMs: 2_500 }, 2_000).nextMs).toBe(3_500);
});

it('more than was allowed is paid back before anything is allowed again', () => {
  let pace = createPace(1);
  for (let n = 0; n < 3; n += 1) pace = spend(pace, 0);
  expect([0, 2_998, 2_999.5, 3_000].map((nowMs) => allowedBy(pace, nowMs))).toEqual([0, 0, 1, 1]);
});

it('used up, the first request may go at a time, and the others one after the other', () => {
  const pace = usedUp(createPace(30), 600);
  expect(pace).toMatchObject({ burst: 3, intervalMs: 1_000 / 30 });
  expect([readyAtMs(pace), pace.nextMs]).toEqual([600, 600 + 2_000 / 30]);
  expect([599, 600, 634, 667, 999].map((nowMs) => allowedBy(pace, nowMs))).toEqual([0, 1, 2, 3, 3]);
});
