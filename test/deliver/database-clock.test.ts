import { expect, it } from 'vitest';
import { DatabaseClock } from '../../src/deliver/database-clock.ts';

const day = 86_400_000;

function clockWith() {
  const warnings: unknown[] = [];
  const log = {
    debug() {},
    info() {},
    warn: (fields: object) => warnings.push(fields),
    error() {},
  };
  return { clock: new DatabaseClock(log), warnings };
}

/** Notes an answer that took so long; Postgres says that it is so much later than this machine does. */
function note(clock: DatabaseClock, aheadMs: number, tookMs = 2): void {
  const askedMs = performance.now() - tookMs;
  clock.note({ nowMs: Date.now() - tookMs + aheadMs, askedMs, answeredMs: askedMs + tookMs });
}

it('until Postgres has answered, the time is that of this machine', () => {
  const { clock } = clockWith();
  expect(Math.abs(clock.nowMs() - Date.now())).toBeLessThan(1_000);
});

it.each([day, -day])(
  'the time is that of Postgres, though this machine is off by %i ms',
  (ahead) => {
    const { clock } = clockWith();
    note(clock, ahead);
    expect(Math.abs(clock.nowMs() - Date.now() - ahead)).toBeLessThan(1_000);
  },
);

it('the time that Postgres said is that of the question, and goes on from there', () => {
  const { clock } = clockWith();
  const nowMs = performance.now();
  clock.note({ nowMs: 1_000_000, askedMs: nowMs - 900, answeredMs: nowMs });
  expect(clock.nowMs()).toBeGreaterThanOrEqual(1_000_900);
  expect(clock.nowMs()).toBeLessThan(1_005_900);
});

it('an answer that took more than a second says nothing about the time', () => {
  const { clock } = clockWith();
  note(clock, day, 1_001);
  expect(Math.abs(clock.nowMs() - Date.now())).toBeLessThan(1_000);
  note(clock, day, 1_000);
  expect(Math.abs(clock.nowMs() - Date.now() - day)).toBeLessThan(1_000);
});

it('a difference of more than five seconds is told once, until it is gone', () => {
  const { clock, warnings } = clockWith();
  note(clock, 4_000);
  expect(warnings).toEqual([]);
  note(clock, 3_600_000);
  note(clock, 3_600_000);
  expect(warnings).toEqual([{ aheadS: -3_600 }]);
  note(clock, -4_000);
  note(clock, -3_600_000);
  expect(warnings).toEqual([{ aheadS: -3_600 }, { aheadS: 3_600 }]);
});
