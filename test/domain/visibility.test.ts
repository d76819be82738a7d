import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Visibility } from '../../src/domain/visibility.ts';

describe('the start of the next window', () => {
  it('is this look when no transaction is running', () => {
    const visibility = new Visibility(10_000);
    expect(visibility.windowAfter({ nowMs: 1_000, xmin: 7, xmax: 7 })).toBe(1_000);
  });

  it('stays at the last look before the oldest running transaction began', () => {
    const visibility = new Visibility(10_000);
    visibility.windowAfter({ nowMs: 1_000, xmin: 7, xmax: 7 });
    visibility.windowAfter({ nowMs: 1_100, xmin: 7, xmax: 9 });
    expect(visibility.windowAfter({ nowMs: 1_200, xmin: 7, xmax: 9 })).toBe(1_000);
    expect(visibility.windowAfter({ nowMs: 1_300, xmin: 9, xmax: 9 })).toBe(1_300);
  });

  it('goes no further back than its limit', () => {
    const visibility = new Visibility(10_000);
    visibility.windowAfter({ nowMs: 1_000, xmin: 7, xmax: 7 });
    expect(visibility.windowAfter({ nowMs: 60_000, xmin: 7, xmax: 9 })).toBe(50_000);
  });
});

/** Transactions that insert at some time and commit at a later one; looks in between. */
const history = fc.array(
  fc.record({
    kind: fc.constantFrom('begin' as const, 'commit' as const, 'look' as const),
    pick: fc.nat(),
  }),
  { maxLength: 60 },
);

it('never passes a row that is not visible yet', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const visibility = new Visibility(1_000_000);
      const running: { id: number; dueMs: number }[] = [];
      const unseen = new Set<number>();
      let nextId = 10;
      let nowMs = 0;
      let windowFromMs = visibility.windowAfter({ nowMs, xmin: nextId, xmax: nextId });
      for (const { kind, pick } of steps) {
        nowMs += 25;
        if (kind === 'begin') {
          running.push({ id: nextId, dueMs: nowMs });
          nextId += 1;
        } else if (kind === 'commit' && running.length > 0) {
          const [committed] = running.splice(pick % running.length, 1);
          if (committed !== undefined) unseen.add(committed.dueMs);
        } else if (kind === 'look') {
          // The look sees what is committed and due from the window on; nothing may be left behind it.
          for (const dueMs of unseen) expect(dueMs).toBeGreaterThanOrEqual(windowFromMs);
          unseen.clear();
          const xmin = Math.min(nextId, ...running.map(({ id }) => id));
          windowFromMs = visibility.windowAfter({ nowMs, xmin, xmax: nextId });
        }
      }
    }),
  );
});
