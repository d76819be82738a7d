import { expect, it } from 'vitest';
import { ReservedTurns } from '../../src/domain/reserved-turns.ts';

it.each([
  [0, 0],
  [9, 0],
  [10, 1],
  [19, 1],
  [20, 2],
  [200, 20],
])('of the first %i turns %i are reserved for lesser priorities', (room, reserved) => {
  expect(new ReservedTurns().dueIn(room)).toBe(reserved);
});

it('small claims add up to a reserved turn', () => {
  const turns = new ReservedTurns();
  turns.count(4);
  expect([turns.dueIn(5), turns.dueIn(6)]).toEqual([0, 1]);
  turns.count(5);
  expect([turns.dueIn(0), turns.dueIn(1), turns.dueIn(10), turns.dueIn(11)]).toEqual([0, 1, 1, 2]);
  turns.count(1);
  expect([turns.dueIn(9), turns.dueIn(10)]).toEqual([0, 1]);
});

it('a claim of many turns leaves what is over ten for the next', () => {
  const turns = new ReservedTurns();
  turns.count(27);
  expect([turns.dueIn(2), turns.dueIn(3), turns.dueIn(13)]).toEqual([0, 1, 2]);
});

it('low and normal have the reserved turns by turns, low first', () => {
  const turns = new ReservedTurns();
  expect([0, 1, 2, 3].map((turn) => turns.orderOf(turn))).toEqual([
    [2, 1],
    [1, 2],
    [2, 1],
    [1, 2],
  ]);
  turns.count(9);
  expect(turns.orderOf(0)).toEqual([2, 1]);
  turns.count(1);
  expect(turns.orderOf(0)).toEqual([1, 2]);
  turns.count(20);
  expect([turns.orderOf(0), turns.orderOf(1)]).toEqual([
    [1, 2],
    [2, 1],
  ]);
});
