import { describe, expect, it } from 'vitest';
import { key, priorities, type WaitingLane, WaitingLanes } from '../../src/lanes/waiting-lanes.ts';

function waitingFor(...lanes: readonly (readonly [lane: string, priority: number])[]) {
  const waiting = new WaitingLanes();
  for (const [lane, priority] of lanes) waiting.add({ lane, priority, dueMs: 100 });
  return waiting;
}

const of = (waiting: WaitingLanes, lane: string, priority = 1): WaitingLane => {
  const found = waiting.get({ lane, priority });
  if (found === undefined) throw new Error('it does not wait');
  return found;
};

const turns = (waiting: WaitingLanes, count: number, priority = 1) =>
  Array.from({ length: count }, () => waiting.next(priority)?.lane);

it('there are three priorities, and a place for each lane in each of them', () => {
  expect(priorities).toEqual([0, 1, 2]);
  expect(key({ lane: '-7', priority: 2 })).toBe('-7:2');
});

describe('lanes that wait', () => {
  it('have their turns one after the other, those of each priority by themselves', () => {
    const waiting = waitingFor(['a', 1], ['b', 1], ['c', 2]);
    expect(turns(waiting, 5)).toEqual(['a', 'b', 'a', 'b', 'a']);
    expect(turns(waiting, 2, 2)).toEqual(['c', 'c']);
    expect(turns(waiting, 1, 0)).toEqual([undefined]);
    expect(turns(waiting, 1, 7)).toEqual([undefined]);
    expect([0, 1, 2, 7].map((priority) => waiting.inRing(priority))).toEqual([0, 2, 1, 0]);
    expect(waiting.size).toBe(3);
  });

  it('are looked for from a ms before they are due, and from the earliest time', () => {
    const waiting = waitingFor(['a', 1]);
    expect(of(waiting, 'a')).toMatchObject({
      lane: 'a',
      priority: 1,
      dueFromMs: 99,
      isDeep: false,
    });
    waiting.add({ lane: 'a', priority: 1, dueMs: 500 });
    expect(of(waiting, 'a').dueFromMs).toBe(99);
    waiting.add({ lane: 'a', priority: 1, dueMs: 50 });
    expect(of(waiting, 'a').dueFromMs).toBe(49);
    expect(waiting.size).toBe(1);
  });

  it('are known whatever their priority, and are no more when they are forgotten', () => {
    const waiting = waitingFor(['a', 0], ['a', 2]);
    expect([waiting.hasLane('a'), waiting.hasLane('b')]).toEqual([true, false]);
    waiting.forget(of(waiting, 'a', 0));
    expect([waiting.hasLane('a'), waiting.size, waiting.inRing(0)]).toEqual([true, 1, 0]);
    waiting.forget(of(waiting, 'a', 2));
    expect([waiting.hasLane('a'), waiting.size, waiting.inRing(2)]).toEqual([false, 0, 0]);
    expect(waiting.get({ lane: 'a', priority: 2 })).toBeUndefined();
  });
});

describe('a lane that is parked', () => {
  it('has no turn until it has room, and then with all its priorities', () => {
    const waiting = waitingFor(['a', 1], ['a', 2], ['b', 1]);
    waiting.park(of(waiting, 'a', 1), 0);
    waiting.park(of(waiting, 'a', 2), 0);
    expect([turns(waiting, 2), waiting.inRing(1), waiting.inRing(2)]).toEqual([['b', 'b'], 1, 0]);
    expect([waiting.size, waiting.hasLane('a'), waiting.nextReadyMs]).toEqual([
      3,
      true,
      Number.POSITIVE_INFINITY,
    ]);
    waiting.unparkReady(9e9);
    expect(waiting.inRing(1)).toBe(1);
    waiting.unpark('b');
    expect(waiting.inRing(1)).toBe(1);
    waiting.unpark('a');
    expect([waiting.inRing(1), waiting.inRing(2)]).toEqual([2, 1]);
    // It is parked no more: another one that is forgotten does not come back.
    waiting.forget(of(waiting, 'a', 1));
    waiting.unpark('a');
    expect([waiting.inRing(1), waiting.inRing(2)]).toEqual([1, 1]);
  });

  it('until a time has its turn then', () => {
    const waiting = waitingFor(['a', 1], ['b', 1], ['c', 1]);
    waiting.park(of(waiting, 'a'), 2_000);
    waiting.park(of(waiting, 'b'), 1_000);
    expect(waiting.nextReadyMs).toBe(1_000);
    waiting.unparkReady(999);
    expect(turns(waiting, 2)).toEqual(['c', 'c']);
    waiting.unparkReady(1_000);
    expect([waiting.inRing(1), waiting.nextReadyMs]).toEqual([2, 2_000]);
    waiting.unparkReady(2_000);
    expect([waiting.inRing(1), waiting.nextReadyMs]).toEqual([3, Number.POSITIVE_INFINITY]);
  });

  it('leaves no time behind when it is forgotten, or has room before', () => {
    const waiting = waitingFor(['a', 1], ['b', 1]);
    waiting.park(of(waiting, 'a'), 1_000);
    waiting.park(of(waiting, 'b'), 2_000);
    waiting.forget(of(waiting, 'a'));
    expect(waiting.nextReadyMs).toBe(2_000);
    waiting.unpark('b');
    expect([waiting.nextReadyMs, waiting.inRing(1)]).toEqual([Number.POSITIVE_INFINITY, 1]);
  });

  it('keeps its time as long as another priority of it is parked', () => {
    const waiting = waitingFor(['a', 1], ['a', 2]);
    waiting.park(of(waiting, 'a', 1), 1_000);
    waiting.park(of(waiting, 'a', 2), 1_000);
    waiting.forget(of(waiting, 'a', 1));
    expect(waiting.nextReadyMs).toBe(1_000);
    waiting.unpark('a');
    expect([waiting.inRing(1), waiting.inRing(2)]).toEqual([0, 1]);
  });
});
