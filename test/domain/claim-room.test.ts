import { expect, it } from 'vitest';
import { ClaimRoom } from '../../src/domain/claim-room.ts';

function busy(): ClaimRoom {
  const room = new ClaimRoom({ most: 512 });
  for (let claim = 0; claim < 50; claim += 1) room.noteClaim({ before: 200, after: 100 });
  return room;
}

it('is what is free, as much as a claim takes', () => {
  const room = new ClaimRoom({ most: 512 });
  expect(room.of(100, { allowed: 256 }).room).toBe(156);
  expect(room.of(0, { allowed: 512 }).room).toBe(200);
});

it('is none while less is free than a claim is worth', () => {
  const room = new ClaimRoom({ most: 512 });
  expect(room.of(236, { allowed: 256 })).toEqual({ room: 20, fromInFlight: 236 });
  expect(room.of(237, { allowed: 256 })).toEqual({ room: 0, fromInFlight: 236 });
  expect(new ClaimRoom({ most: 1 }).of(0, { allowed: 1 }).room).toBe(1);
});

it('counts what will have ended by the time the answer comes', () => {
  expect(busy().of(240, { allowed: 256 }).room).toBeGreaterThanOrEqual(256 + 99 - 240);
});

it('then waits until half of that is free, or claims would be small', () => {
  const { fromInFlight } = busy().of(330, { allowed: 256 });
  expect(fromInFlight).toBeLessThanOrEqual(256 + 100 - 49);
  expect(busy().of(330, { allowed: 256 }).room).toBe(0);
});

it('never exceeds what the process may have in flight', () => {
  for (const inFlight of [0, 300, 450, 500, 512]) {
    expect(inFlight + busy().of(inFlight, { allowed: 512 }).room).toBeLessThanOrEqual(512);
  }
});

it('does not wait for ever for receivers that have turned slow', () => {
  const room = busy();
  expect(room.of(490, { allowed: 512 }).room).toBe(0);
  for (let polls = 0; polls < 10; polls += 1) room.noteSlow();
  expect(room.of(490, { allowed: 512 }).room).toBe(22);
});

it.each([
  [4, 1],
  [8, 1],
  [16, 2],
  [23, 2],
  [24, 3],
  [160, 20],
  [10_000, 20],
])('of %i slots at least %i must be free: an eighth, and twenty at the most', (most, least) => {
  expect(new ClaimRoom({ most }).of(0, { allowed: most }).fromInFlight).toBe(most - least);
});

it('learns a fifth of what each claim shows', () => {
  const room = new ClaimRoom({ most: 1_000 });
  room.noteClaim({ before: 300, after: 100 });
  // 40 more, and a half of them must be free.
  expect(room.of(0, { allowed: 256 })).toEqual({ room: 200, fromInFlight: 276 });
  expect(room.of(276, { allowed: 256 })).toEqual({ room: 20, fromInFlight: 276 });
  room.noteClaim({ before: 300, after: 100 });
  // 72 more.
  expect(room.of(290, { allowed: 256 })).toEqual({ room: 38, fromInFlight: 292 });
  room.noteSlow();
  // 57.6 more.
  expect(room.of(285, { allowed: 256 })).toEqual({ room: 28, fromInFlight: 285 });
  room.noteClaim({ before: 100, after: 300 });
  // 46.08 more: nothing ended meanwhile.
  expect(room.of(279, { allowed: 256 })).toEqual({ room: 23, fromInFlight: 279 });
});
