import { expect, it } from 'vitest';
import { RecentWindow } from '../../src/metrics/recent-window.ts';

it('says nothing as long as nothing has ended', () => {
  expect(new RecentWindow().summary(0)).toEqual({ successRatio: undefined, deliveryS: undefined });
});

it('has a rate and no average when nothing was delivered', () => {
  const recent = new RecentWindow();
  recent.note({ deliveryS: undefined, nowMs: 0 });
  expect(recent.summary(1)).toEqual({ successRatio: 0, deliveryS: undefined });
});

it('weighs each attempt alike, in whatever slice of time it ended', () => {
  const recent = new RecentWindow();
  for (const deliveryS of [1, 2, 6]) recent.note({ deliveryS, nowMs: 0 });
  recent.note({ deliveryS: undefined, nowMs: 100_000 });
  expect(recent.summary(100_001)).toEqual({ successRatio: 0.75, deliveryS: 3 });
});

it('forgets what ended more than five minutes ago', () => {
  const recent = new RecentWindow();
  recent.note({ deliveryS: undefined, nowMs: 0 });
  recent.note({ deliveryS: 2, nowMs: 200_000 });
  expect(recent.summary(299_000).successRatio).toBe(0.5);
  expect(recent.summary(301_000)).toEqual({ successRatio: 1, deliveryS: 2 });
  expect(recent.summary(900_000).successRatio).toBeUndefined();
});
