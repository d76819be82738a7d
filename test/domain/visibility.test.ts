import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextXidOf, Visibility } from '../../src/domain/visibility.ts';

describe('the start of the next window', () => {
  it('is this look when no transaction is running', () => {
    const visibility = new Visibility(10_000);
    expect(visibility.windowAfter({ nowMs: 1_000, xmin: 7, nextXid: 7 })).toBe(1_000);
  });

  it('stays at the last look before the oldest running transaction began', () => {
    const visibility = new Visibility(10_000);
    visibility.windowAfter({ nowMs: 1_000, xmin: 7, nextXid: 7 });
    visibility.windowAfter({ nowMs: 1_100, xmin: 7, nextXid: 9 });
    expect(visibility.windowAfter({ nowMs: 1_200, xmin: 7, nextXid: 9 })).toBe(1_000);
    expect(visibility.windowAfter({ nowMs: 1_300, xmin: 9, nextXid: 9 })).toBe(1_300);
  });

  it('follows a clock that was set back', () => {
    const visibility = new Visibility(10_000);
    visibility.windowAfter({ nowMs: 3_600_000, xmin: 7, nextXid: 7 });
    expect(visibility.windowAfter({ nowMs: 1_000, xmin: 7, nextXid: 8 })).toBe(-9_000);
    expect(visibility.windowAfter({ nowMs: 1_100, xmin: 9, nextXid: 9 })).toBe(1_100);
  });

  it('is a look whose next id is the oldest that runs now', () => {
    const visibility = new Visibility(10_000);
    visibility.windowAfter({ nowMs: 1_000, xmin: 5, nextXid: 7 });
    visibility.windowAfter({ nowMs: 1_100, xmin: 6, nextXid: 8 });
    expect(visibility.windowAfter({ nowMs: 1_200, xmin: 7, nextXid: 9 })).toBe(1_000);
    expect(visibility.windowAfter({ nowMs: 1_300, xmin: 8, nextXid: 9 })).toBe(1_100);
  });

  it('forgets nothing when two looks come at one time', () => {
    const visibility = new Visibility(10_000);
    visibility.windowAfter({ nowMs: 1_000, xmin: 7, nextXid: 7 });
    visibility.windowAfter({ nowMs: 1_100, xmin: 7, nextXid: 9 });
    expect(visibility.windowAfter({ nowMs: 1_100, xmin: 7, nextXid: 9 })).toBe(1_000);
  });

  it('is the limit as long as no look is old enough', () => {
    const visibility = new Visibility(10_000);
    expect(visibility.windowAfter({ nowMs: 50_000, xmin: 7, nextXid: 8 })).toBe(40_000);
  });

  it('may be as far back as the limit, and no further', () => {
    for (const [nowMs, fromMs] of [
      [11_000, 1_000],
      [11_001, 1_001],
    ] as const) {
      const visibility = new Visibility(10_000);
      visibility.windowAfter({ nowMs: 1_000, xmin: 7, nextXid: 7 });
      expect(visibility.windowAfter({ nowMs, xmin: 7, nextXid: 9 })).toBe(fromMs);
    }
  });

  it('keeps a look every 20 ms', () => {
    for (const [gapMs, fromMs] of [
      [19, 1_000],
      [20, 1_020],
    ] as const) {
      const visibility = new Visibility(10_000);
      visibility.windowAfter({ nowMs: 1_000, xmin: 7, nextXid: 7 });
      visibility.windowAfter({ nowMs: 1_000 + gapMs, xmin: 8, nextXid: 8 });
      expect(visibility.windowAfter({ nowMs: 2_000, xmin: 8, nextXid: 9 })).toBe(fromMs);
    }
  });

  it('goes no further back than its limit', () => {
    const visibility = new Visibility(10_000);
    visibility.windowAfter({ nowMs: 1_000, xmin: 7, nextXid: 7 });
    expect(visibility.windowAfter({ nowMs: 60_000, xmin: 7, nextXid: 9 })).toBe(50_000);
  });
});

describe('the next transaction id', () => {
  it('is told by the age of the first one', () => {
    expect(nextXidOf({ ageOfThree: 1_000, xmax: 1_001 })).toBe(1_003);
    expect(nextXidOf({ ageOfThree: 1_000, xmax: 1_003 })).toBe(1_003);
  });

  it('goes on past 2^32, where the age starts again and is taken for negative past 2^31', () => {
    expect(nextXidOf({ ageOfThree: 5, xmax: 2 ** 32 - 2 })).toBe(2 ** 32 + 8);
    expect(nextXidOf({ ageOfThree: -2, xmax: 2 ** 32 - 1 })).toBe(2 ** 32 + 1);
    expect(nextXidOf({ ageOfThree: -(2 ** 31), xmax: 5 * 2 ** 32 + 2 ** 31 })).toBe(
      5 * 2 ** 32 + 2 ** 31 + 3,
    );
  });
});

/** Transactions that insert at some time and end at a later one; looks in between. */
const history = fc.array(
  fc.record({
    kind: fc.constantFrom('begin' as const, 'commit' as const, 'look' as const),
    pick: fc.nat(),
  }),
  { maxLength: 80 },
);

it('never passes a row that is not visible yet', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const visibility = new Visibility(1_000_000);
      const running: { id: number; dueMs: number }[] = [];
      const unseen = new Set<number>();
      let nextXid = 10;
      let latestEnded = 9;
      let nowMs = 0;
      let windowFromMs = visibility.windowAfter({ nowMs, xmin: nextXid, nextXid });
      for (const { kind, pick } of steps) {
        nowMs += 25;
        if (kind === 'begin') {
          running.push({ id: nextXid, dueMs: nowMs });
          nextXid += 1;
        } else if (kind === 'commit' && running.length > 0) {
          const [committed] = running.splice(pick % running.length, 1);
          if (committed === undefined) continue;
          unseen.add(committed.dueMs);
          latestEnded = Math.max(latestEnded, committed.id);
        } else if (kind === 'look') {
          // The look sees what is committed and due from the window on; nothing may be left behind it.
          for (const dueMs of unseen) expect(dueMs).toBeGreaterThanOrEqual(windowFromMs);
          unseen.clear();
          // As Postgres takes a snapshot: what runs above the latest id that has ended does not count.
          const xmax = latestEnded + 1;
          const xmin = Math.min(xmax, ...running.map(({ id }) => id));
          windowFromMs = visibility.windowAfter({ nowMs, xmin, nextXid });
        }
      }
    }),
    { numRuns: 2_000 },
  );
});
