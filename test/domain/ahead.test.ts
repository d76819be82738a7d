import { describe, expect, it } from 'vitest';
import {
  delivered,
  lengthOf,
  undelivered,
  unknownAhead,
  withinRoom,
} from '../../src/domain/ahead.ts';

const known = (...turnsMs: number[]) => turnsMs.reduce(delivered, unknownAhead);

describe('a claim takes from an ordered lane', () => {
  it('one webhook of which nothing is known', () => {
    expect(lengthOf(unknownAhead)).toBe(1);
  });

  it.each([
    { turnMs: 0.2, ahead: 100 },
    { turnMs: 7.5, ahead: 100 },
    { turnMs: 20, ahead: 37 },
    { turnMs: 300, ahead: 2 },
    { turnMs: 800, ahead: 1 },
    { turnMs: 30_000, ahead: 1 },
  ])('$ahead that take $turnMs ms each', ({ turnMs, ahead }) => {
    expect(lengthOf(known(turnMs))).toBe(ahead);
  });

  it('fewer at once when the receiver turns slow, and more when it is quick again', () => {
    expect(lengthOf(known(20, 1_020))).toBe(2);
    expect(lengthOf(known(20, 1_020, 20))).toBe(3);
  });

  it('one after a failure, and as many as before after the next delivery', () => {
    const failing = undelivered(known(20));
    expect(lengthOf(failing)).toBe(1);
    expect(lengthOf(delivered(failing, 20))).toBe(37);
  });
});

it('lanes share the room ahead, and each has its first webhook', () => {
  const wishes = [{ ahead: 5 }, {}, { ahead: 5 }, { ahead: 5 }];
  expect(withinRoom(wishes, 6)).toEqual([{ ahead: 5 }, {}, { ahead: 3 }, { ahead: 1 }]);
  expect(withinRoom(wishes, -3)).toEqual([{ ahead: 1 }, {}, { ahead: 1 }, { ahead: 1 }]);
});
