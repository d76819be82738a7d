import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowedBy, createPace, readyAtMs, spend, usedUp } from '../../src/domain/pace.ts';

/** Spends all that is allowed at each of these times; returns when each request began. */
function drive(ratePerS: number, times: readonly number[]): number[] {
  let pace = createPace(ratePerS);
  const begun: number[] = [];
  for (const nowMs of times) {
    for (let left = allowedBy(pace, nowMs); left > 0; left -= 1) {
      pace = spend(pace, nowMs);
      begun.push(nowMs);
    }
  }
  return begun;
}

const rates = fc.double({ min: 0.001, max: 10_000, noNaN: true });

describe('a pace', () => {
  it('begins no more in any span of time than the rate allows', () => {
    fc.assert(
      fc.property(
        rates,
        fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { maxLength: 100 }),
        (ratePerS, gaps) => {
          const { burst, intervalMs } = createPace(ratePerS);
          let nowMs = 0;
          const begun = drive(
            ratePerS,
            gaps.map((gap) => {
              nowMs += gap;
              return nowMs;
            }),
          );
          for (const [from, fromMs] of begun.entries()) {
            const last = begun.length - 1;
            for (const to of new Set([
              last,
              Math.min(last, from + burst),
              Math.min(last, from + 1),
            ])) {
              const most = ((begun[to] ?? 0) - fromMs) / intervalMs + burst + 0.01;
              expect(to - from + 1).toBeLessThanOrEqual(most);
            }
          }
        },
      ),
    );
  });

  it('uses all of the rate when it is asked often enough', () => {
    for (const ratePerS of [0.5, 1, 7, 50, 333, 5_000]) {
      const times = Array.from({ length: 20_000 }, (_, at) => at);
      const begun = drive(ratePerS, times).length;
      expect(begun).toBeGreaterThanOrEqual(ratePerS * 20 - 1);
      expect(begun).toBeLessThanOrEqual(ratePerS * 20.1 + 2);
    }
  });

  it('is allowed again exactly when it says', () => {
    fc.assert(
      fc.property(rates, fc.double({ min: 0, max: 1e9, noNaN: true }), (ratePerS, nowMs) => {
        let pace = createPace(ratePerS);
        for (let left = allowedBy(pace, nowMs); left > 0; left -= 1) pace = spend(pace, nowMs);
        expect(allowedBy(pace, nowMs)).toBe(0);
        expect(allowedBy(pace, readyAtMs(pace))).toBe(1);
        expect(readyAtMs(pace) - nowMs).toBeLessThanOrEqual(pace.intervalMs * 1.001);
      }),
    );
  });

  it('used up, begins with one at the given time', () => {
    const pace = usedUp(createPace(100), 500);
    expect(allowedBy(pace, 499)).toBe(0);
    expect(allowedBy(pace, 500)).toBe(1);
    expect(allowedBy(pace, 510)).toBe(2);
  });
});
