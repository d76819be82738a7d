import { expect, it } from 'vitest';
import { ProbeLanes } from '../../src/lanes/probe-lanes.ts';

let nowMs = 0;
const take = (lanes: ProbeLanes, room = 1_000) => {
  nowMs += 1_000;
  return lanes.takeWhenDue(room, nowMs)?.probeLanes;
};
const arrived = { isRandom: false };
const chosen = { isRandom: true };

it('gives a lane of each origin once, and twenty in a second', () => {
  const lanes = new ProbeLanes();
  for (let n = 0; n < 25; n += 1) lanes.note({ origin: `${n}`, lane: `lane ${n}` }, chosen);
  expect(take(lanes, 3)).toEqual([0, 1, 2].map((n) => ({ origin: `${n}`, lane: `lane ${n}` })));
  expect(lanes.takeWhenDue(1_000, nowMs + 999)).toBeUndefined();
  expect(take(lanes)).toHaveLength(20);
  expect(take(lanes)).toHaveLength(2);
  expect(take(lanes)).toEqual([]);
});

it('does not give the same lane twice in a row because it gets many webhooks', () => {
  const lanes = new ProbeLanes();
  lanes.note({ origin: 'a', lane: '1' }, arrived);
  expect(take(lanes)).toEqual([{ origin: 'a', lane: '1' }]);
  lanes.note({ origin: 'a', lane: '1' }, arrived);
  expect(take(lanes)).toEqual([]);
  lanes.note({ origin: 'a', lane: '1' }, arrived);
  lanes.note({ origin: 'a', lane: '2' }, arrived);
  lanes.note({ origin: 'a', lane: '3' }, arrived);
  expect(take(lanes)).toEqual([{ origin: 'a', lane: '2' }]);
});

it('gives it again if a scan has found no other', () => {
  const lanes = new ProbeLanes();
  lanes.note({ origin: 'a', lane: '1' }, chosen);
  take(lanes);
  lanes.note({ origin: 'a', lane: '1' }, chosen);
  expect(take(lanes)).toEqual([{ origin: 'a', lane: '1' }]);
  for (const lane of ['1', '2', '1', '3']) lanes.note({ origin: 'a', lane }, chosen);
  expect(take(lanes)).toEqual([{ origin: 'a', lane: '2' }]);
});

it('takes only what a claim says can be a probe', () => {
  const lanes = new ProbeLanes();
  const seen = { priority: 1, waiting: 1, dueMs: 0, lastDueMs: 0, tenantAccess: 'anyone' as const };
  lanes.noteSeen([
    { ...seen, lane: '1', access: 'blocked', groups: { tenant: null, origin: 'a' } },
    { ...seen, lane: '2', access: 'probe', groups: { tenant: null, origin: 'b' } },
    { ...seen, lane: '3', access: 'anyone', groups: { tenant: null, origin: 'c' } },
  ]);
  expect(take(lanes)).toEqual([{ origin: 'b', lane: '2' }]);
});

it('remembers a thousand origins', () => {
  const lanes = new ProbeLanes();
  for (let n = 0; n < 1_100; n += 1) lanes.note({ origin: `${n}`, lane: '1' }, chosen);
  let taken = 0;
  for (let more = take(lanes); more !== undefined && more.length > 0; more = take(lanes))
    taken += more.length;
  expect(taken).toBe(1_000);
});
