import { describe, expect, it } from 'vitest';
import { ease, grow, halve, initialSlots, restMs } from '../../src/domain/lane-slots.ts';

describe('the slots of a lane', () => {
  it('are eight at first', () => {
    expect(initialSlots).toBe(8);
  });

  it.each([
    { slots: 8, inFlight: 8, becomes: 9 },
    { slots: 8, inFlight: 5, becomes: 9 },
    { slots: 8, inFlight: 4, becomes: 9 },
    { slots: 8, inFlight: 3, becomes: 8 },
    { slots: 9, inFlight: 4, becomes: 9 },
    { slots: 9, inFlight: 5, becomes: 10 },
    { slots: 1, inFlight: 1, becomes: 2 },
    { slots: 1, inFlight: 0, becomes: 1 },
    { slots: 19, inFlight: 19, becomes: 20 },
    { slots: 20, inFlight: 20, becomes: 20 },
    { slots: 21, inFlight: 21, becomes: 21 },
  ])(
    'are one more after a success if half of them were used, and at most 20: $slots with $inFlight in flight',
    ({ slots, inFlight, becomes }) => {
      expect(grow({ slots, epoch: 3 }, { inFlight, maxSlots: 20 })).toEqual({
        slots: becomes,
        epoch: 3,
      });
    },
  );

  it.each([
    [20, 10],
    [9, 4],
    [8, 4],
    [3, 1],
    [2, 1],
    [1, 1],
  ])('are half of %i after a failure that says too much: %i', (slots, becomes) => {
    expect(halve({ slots, epoch: 3 }, 3)).toEqual({ slots: becomes, epoch: 4 });
  });

  it('are halved once for all failures of one burst', () => {
    const halved = halve({ slots: 20, epoch: 3 }, 3);
    expect(halve(halved, 3)).toEqual(halved);
    expect(halve(halved, 5)).toEqual(halved);
    expect(halve(halved, 4)).toEqual({ slots: 5, epoch: 5 });
  });

  it.each([
    [100, 75],
    [64, 48],
    [11, 8],
    [10, 8],
    [9, 8],
    [8, 8],
    [7, 7],
    [1, 1],
  ])('fall by a quarter to the usual ones while others wait: %i to %i', (slots, becomes) => {
    expect(ease({ slots, epoch: 3 }, 8)).toEqual({ slots: becomes, epoch: 3 });
  });
});

it.each([
  [1, 125],
  [2, 250],
  [3, 500],
  [4, 1_000],
  [5, 2_000],
  [6, 2_000],
  [5_000, 2_000],
])('a lane that has failed %i times with its last slot is left alone for %i ms', (failures, ms) => {
  expect(restMs(failures)).toBe(ms);
});
