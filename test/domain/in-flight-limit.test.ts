import { expect, it } from 'vitest';
import { InFlightLimit } from '../../src/domain/in-flight-limit.ts';

function after(limit: InFlightLimit, utilizations: readonly number[]): number {
  for (const utilization of utilizations) limit.note(utilization);
  return limit.limit;
}

it('rises to all that is allowed within a second while receivers are what it waits for', () => {
  expect(after(new InFlightLimit({ most: 512 }), Array(10).fill(0.5))).toBe(512);
});

it('falls while the process is out of CPU, and not below what keeps it busy', () => {
  const limit = new InFlightLimit({ most: 512 });
  after(limit, Array(10).fill(0));
  expect(after(limit, [1])).toBe(409);
  expect(after(limit, Array(20).fill(1))).toBe(256);
});

it('stays where the process is just busy', () => {
  const limit = new InFlightLimit({ most: 512 });
  after(limit, [0, 0]);
  const { limit: before } = limit;
  expect(after(limit, Array(20).fill(0.9))).toBe(before);
});

it('never allows more than was asked for', () => {
  expect(after(new InFlightLimit({ most: 5 }), Array(9).fill(0))).toBe(5);
  expect(after(new InFlightLimit({ most: 5 }), Array(9).fill(1))).toBe(5);
});

it('rises by a quarter, rounded up, and falls by a fifth, rounded down', () => {
  const limit = new InFlightLimit({ most: 1_000 });
  expect([0.84, 0.84, 0.84].map((utilization) => after(limit, [utilization]))).toEqual([
    320, 400, 500,
  ]);
  expect(after(limit, [0.84, 0.84])).toBe(782);
  expect([0.96, 0.96].map((utilization) => after(limit, [utilization]))).toEqual([625, 500]);
});

it.each([
  [0.849, 320],
  [0.85, 256],
  [0.95, 256],
])('rises below a utilization of 0.85: %d', (utilization, expected) => {
  expect(after(new InFlightLimit({ most: 1_000 }), [utilization])).toBe(expected);
});

it.each([
  [0.95, 320],
  [0.951, 256],
])('falls above a utilization of 0.95: %d', (utilization, expected) => {
  const limit = new InFlightLimit({ most: 1_000 });
  after(limit, [0]);
  expect(after(limit, [utilization])).toBe(expected);
});
