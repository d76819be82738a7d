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
