import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LaneHint, memberOf, parseHint, scoreOf } from '../../src/cache/lane-hint.ts';

const keys = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const hints: fc.Arbitrary<LaneHint> = fc.record({
  lane: keys,
  priority: fc.nat(2),
  dueMs: fc.nat(9_999_999_999_999),
  groups: fc.record({ tenant: fc.option(keys), origin: keys }),
});

describe('a hint', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(hints, (hint) => {
        expect(parseHint({ value: memberOf(hint), score: scoreOf(hint) })).toEqual(hint);
      }),
    );
  });

  it('is ordered by priority and then by age', () => {
    fc.assert(
      fc.property(hints, hints, (a, b) => {
        const before = a.priority - b.priority || a.dueMs - b.dueMs;
        expect(Math.sign(scoreOf(a) - scoreOf(b))).toBe(Math.sign(before));
      }),
    );
  });

  it.each([
    ['1:1', Number.NaN],
    ['1:1', Number.POSITIVE_INFINITY],
    ['1:1', 5],
    ['1:1', 2e13],
    ['1:3', 3e13],
    ['1', 1e13],
    ['', 0],
    ['01:0', 0],
    ['-0:0', 0],
    ['+1:0', 0],
    ['1e3:0', 0],
    ['9223372036854775808:0', 0],
    ['-9223372036854775809:0', 0],
    [`${'9'.repeat(400)}:0`, 0],
    ["1'; drop table posthorn.queue; --:0", 0],
    [undefined, 0],
    ['1:0', '0'],
  ])('is dropped when no worker can have written it: %j with %j', (value, score) => {
    expect(parseHint({ value, score })).toBeUndefined();
  });

  it('is read from nothing else, whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), fc.double(), (value, score) => {
        const hint = parseHint({ value, score });
        if (hint !== undefined) expect(memberOf(hint)).toBe(value);
      }),
    );
  });
});
