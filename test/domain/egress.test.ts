import { describe, expect, it } from 'vitest';
import { EgressWatch } from '../../src/domain/egress.ts';

/** So many lanes that fail, and so many that answer, all at one time. */
function noted(counts: { failing: number; answering: number; nowMs?: number }): EgressWatch {
  const watch = new EgressWatch();
  const { failing, answering, nowMs = 0 } = counts;
  for (let n = 0; n < failing; n += 1) watch.note(`down ${n}`, { failed: true, nowMs });
  for (let n = 0; n < answering; n += 1) watch.note(`up ${n}`, { failed: false, nowMs });
  return watch;
}

describe('an outage of our own', () => {
  it.each([
    { failing: 5, answering: 0, isDown: false },
    { failing: 9, answering: 0, isDown: false },
    { failing: 10, answering: 0, isDown: true },
    { failing: 5, answering: 5, isDown: false },
    { failing: 6, answering: 4, isDown: true },
    { failing: 5, answering: 6, isDown: false },
    { failing: 6, answering: 5, isDown: true },
    { failing: 50, answering: 50, isDown: false },
    { failing: 51, answering: 50, isDown: true },
    { failing: 0, answering: 100, isDown: false },
  ])(
    'takes ten lanes, and more than half of them without an answer: $failing of them and $answering others',
    ({ isDown, ...counts }) => {
      expect(noted(counts).isDown).toBe(isDown);
    },
  );

  it('is not seen in one lane that fails a hundred times', () => {
    const watch = noted({ failing: 0, answering: 9 });
    for (let n = 0; n < 100; n += 1) watch.note('one', { failed: true, nowMs: 0 });
    expect(watch.isDown).toBe(false);
  });

  it('is over when half of the lanes have answered again', () => {
    const watch = noted({ failing: 10, answering: 0 });
    for (const n of [0, 1, 2, 3]) watch.note(`down ${n}`, { failed: false, nowMs: 1 });
    expect(watch.isDown).toBe(true);
    watch.note('down 4', { failed: false, nowMs: 1 });
    expect(watch.isDown).toBe(false);
  });

  it('is judged by the last result of each lane alone', () => {
    const watch = noted({ failing: 0, answering: 10 });
    for (let n = 0; n < 6; n += 1) watch.note(`up ${n}`, { failed: true, nowMs: 1 });
    expect(watch.isDown).toBe(true);
    watch.note('up 0', { failed: false, nowMs: 2 });
    expect(watch.isDown).toBe(false);
  });

  it('is forgotten a minute after the last results', () => {
    const before = noted({ failing: 11, answering: 0 });
    before.note('another', { failed: false, nowMs: 59_999 });
    expect(before.isDown).toBe(true);
    const after = noted({ failing: 11, answering: 0 });
    after.note('another', { failed: true, nowMs: 60_000 });
    expect(after.isDown).toBe(false);
  });

  it('is judged by failures of the last minute, whatever answered before', () => {
    const watch = noted({ failing: 0, answering: 30 });
    for (let n = 0; n < 10; n += 1) watch.note(`down ${n}`, { failed: true, nowMs: 30_000 });
    expect(watch.isDown).toBe(false);
    watch.note('down 0', { failed: true, nowMs: 60_000 });
    expect(watch.isDown).toBe(true);
  });

  it('counts a lane from its last result on, not from its first', () => {
    const watch = noted({ failing: 10, answering: 0 });
    for (let n = 0; n < 10; n += 1) watch.note(`down ${n}`, { failed: true, nowMs: 40_000 });
    watch.note('down 0', { failed: true, nowMs: 99_999 });
    expect(watch.isDown).toBe(true);
    watch.note('down 0', { failed: true, nowMs: 100_000 });
    expect(watch.isDown).toBe(false);
  });
});
