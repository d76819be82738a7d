import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryDelayMs } from '../../src/domain/retry-schedule.ts';

const minute = 60_000;
const scheduleMs = [minute, 5 * minute, 30 * minute, 120 * minute, 1_440 * minute];
const usual = { scheduleMs, maxAttempts: null, random: 0 };

describe('the delay before a retry', () => {
  it('is 1m, 5m, 30m, 2h and 24h, and then there is none', () => {
    const delays = [1, 2, 3, 4, 5, 6].map((counted) => retryDelayMs({ ...usual, counted }));
    expect(delays).toEqual([...scheduleMs, undefined]);
  });

  it('ends with the attempts that the webhook allows', () => {
    expect(retryDelayMs({ ...usual, counted: 1, maxAttempts: 1 })).toBeUndefined();
    expect(retryDelayMs({ ...usual, counted: 1, maxAttempts: 2 })).toBe(minute);
    expect(retryDelayMs({ ...usual, counted: 2, maxAttempts: 2 })).toBeUndefined();
  });

  it('repeats the last delay when a webhook allows more attempts than there are delays', () => {
    expect(retryDelayMs({ ...usual, counted: 9, maxAttempts: 10 })).toBe(1_440 * minute);
    expect(retryDelayMs({ ...usual, counted: 10, maxAttempts: 10 })).toBeUndefined();
  });

  it('is never earlier than the schedule and at most 10 % later', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (counted, random) => {
          const base = scheduleMs[counted - 1] ?? 0;
          const delayMs = retryDelayMs({ ...usual, counted, random }) ?? 0;
          expect(delayMs).toBeGreaterThanOrEqual(base);
          expect(delayMs).toBeLessThanOrEqual(base * 1.1);
        },
      ),
    );
  });
});
