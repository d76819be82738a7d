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
