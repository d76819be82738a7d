import { describe, expect, it } from 'vitest';
import { type LaneGroups, ownGroup } from '../../src/domain/lane.ts';
import { Groups } from '../../src/lanes/groups.ts';
import { type Place, priorities, type WaitingLane } from '../../src/lanes/share-rings.ts';
import { WaitingLanes } from '../../src/lanes/waiting-lanes.ts';

type Named = readonly [lane: string, priority: number, groups?: LaneGroups];

function waitingFor(...lanes: readonly Named[]) {
  const groups = new Groups(512);
  const waiting = new WaitingLanes(groups);
  for (const lane of lanes) add(waiting, lane);
  return { waiting, groups };
}

function add(waiting: WaitingLanes, [lane, priority, groups = ownGroup(lane)]: Named, dueMs = 100) {
  waiting.add({ lane, priority, dueMs, groups });
}

const at = (waiting: WaitingLanes, lane: string, priority = 1): WaitingLane => {
  const found = waiting.get({ lane, priority });
  if (found === undefined) throw new Error('it does not wait');
  return found;
};

/** The lanes that have the next turns: each group gives its turn to the next in it. */
function turns(waiting: WaitingLanes, count: number, priority = 1) {
  return Array.from({ length: count }, () => nameOf(waiting.rings.next(priority)));
}

function nameOf(place: Place | undefined): string | undefined {
  if (place === undefined) return undefined;
  return place.kind === 'lane' ? place.of.lane : nameOf(place.branch.ring.next());
}

function park(waiting: WaitingLanes, lane: WaitingLane, readyAtMs = 0) {
  waiting.rings.park(lane, { until: lane.of, readyAtMs });
}

const counts = (waiting: WaitingLanes) =>
  priorities.map((priority) => waiting.rings.turnsIn(priority));

const inTenant = (tenant: string, origin: string): LaneGroups => ({ tenant, origin });

describe('lanes that wait', () => {
  it('have their turns one after the other, those of each priority by themselves', () => {
    const { waiting } = waitingFor(['a', 1], ['b', 1], ['c', 2]);
    expect(priorities).toEqual([0, 1, 2]);
    expect(turns(waiting, 5)).toEqual(['a', 'b', 'a', 'b', 'a']);
    expect(turns(waiting, 2, 2)).toEqual(['c', 'c']);
    expect(turns(waiting, 1, 0)).toEqual([undefined]);
    expect(turns(waiting, 1, 7)).toEqual([undefined]);
    expect([...counts(waiting), waiting.rings.turnsIn(7), waiting.size]).toEqual([0, 2, 1, 0, 3]);
  });

  it('are looked for from a ms before they are due, and from the earliest time', () => {
    const { waiting } = waitingFor(['a', 1]);
    expect(at(waiting, 'a')).toMatchObject({ priority: 1, dueFromMs: 99, isDeep: false });
    add(waiting, ['a', 1], 500);
    expect(at(waiting, 'a').dueFromMs).toBe(99);
    add(waiting, ['a', 1], 50);
    expect(at(waiting, 'a').dueFromMs).toBe(49);
    expect(waiting.size).toBe(1);
  });

  it('are known whatever their priority, and are no more when they are forgotten', () => {
    const { waiting, groups } = waitingFor(['a', 0], ['a', 2]);
    expect([waiting.hasLane('a'), waiting.hasLane('b')]).toEqual([true, false]);
    waiting.forget(at(waiting, 'a', 0));
    expect([waiting.hasLane('a'), waiting.size, counts(waiting)]).toEqual([true, 1, [0, 0, 1]]);
    waiting.forget(at(waiting, 'a', 2));
    expect([waiting.hasLane('a'), waiting.size, counts(waiting)]).toEqual([false, 0, [0, 0, 0]]);
    expect(waiting.get({ lane: 'a', priority: 2 })).toBeUndefined();
    expect([waiting.groupsOf('a'), groups.size]).toEqual([undefined, 0]);
  });

  it('take turns within their groups, at each level', () => {
    const { waiting } = waitingFor(
      ['a', 1, inTenant('t', 'o')],
      ['b', 1, inTenant('t', 'o')],
      ['c', 1, inTenant('t', 'p')],
      ['d', 1, { tenant: null, origin: 'q' }],
    );
    expect(turns(waiting, 8)).toEqual(['a', 'd', 'c', 'd', 'b', 'd', 'c', 'd']);
  });

  it('move to the groups that they are seen in, with all their priorities', () => {
    const { waiting, groups } = waitingFor(['a', 0], ['a', 1], ['b', 1, inTenant('t', 'o')]);
    add(waiting, ['a', 1, inTenant('t', 'o')]);
    expect([counts(waiting), groups.size]).toEqual([[1, 1, 0], 2]);
    expect([waiting.groupsOf('a'), waiting.size]).toEqual([inTenant('t', 'o'), 3]);
    expect(at(waiting, 'a', 0).parent.owner?.group.key).toBe('o');
    expect(turns(waiting, 2)).toEqual(['b', 'a']);
  });

  it('have no place with a priority that there is not', () => {
    const { waiting } = waitingFor();
    expect(() => add(waiting, ['a', 7])).toThrow('No such priority: 7');
  });
});

describe('a lane that is parked', () => {
  it('has no turn until it has room, and then with all its priorities', () => {
    const { waiting } = waitingFor(['a', 1], ['a', 2], ['b', 1]);
    park(waiting, at(waiting, 'a', 1));
    park(waiting, at(waiting, 'a', 2));
    expect([turns(waiting, 2), counts(waiting)]).toEqual([
      ['b', 'b'],
      [0, 1, 0],
    ]);
    expect([waiting.size, waiting.rings.nextReadyMs]).toEqual([3, Number.POSITIVE_INFINITY]);
    waiting.free('b');
    waiting.rings.unpark(9e9);
    expect(counts(waiting)).toEqual([0, 1, 0]);
    waiting.free('a');
    expect(counts(waiting)).toEqual([0, 1, 0]);
    waiting.rings.unpark(0);
    expect(counts(waiting)).toEqual([0, 2, 1]);
    // It is parked no more: another one that is forgotten does not come back.
    waiting.forget(at(waiting, 'a', 1));
    waiting.free('a');
    waiting.rings.unpark(0);
    expect(counts(waiting)).toEqual([0, 1, 1]);
  });

  it('until a time has its turn then', () => {
    const { waiting } = waitingFor(['a', 1], ['b', 1], ['c', 1]);
    park(waiting, at(waiting, 'a'), 2_000);
    park(waiting, at(waiting, 'b'), 1_000);
    expect(waiting.rings.nextReadyMs).toBe(1_000);
    waiting.rings.unpark(999);
    expect(turns(waiting, 2)).toEqual(['c', 'c']);
    waiting.rings.unpark(1_000);
    expect([counts(waiting)[1], waiting.rings.nextReadyMs]).toEqual([2, 2_000]);
    waiting.rings.unpark(2_000);
    expect([counts(waiting)[1], waiting.rings.nextReadyMs]).toEqual([3, Number.POSITIVE_INFINITY]);
  });

  it('leaves no time behind when it is forgotten, or has room before', () => {
    const { waiting } = waitingFor(['a', 1], ['b', 1]);
    park(waiting, at(waiting, 'a'), 1_000);
    park(waiting, at(waiting, 'b'), 2_000);
    waiting.forget(at(waiting, 'a'));
    expect(waiting.rings.nextReadyMs).toBe(2_000);
    waiting.free('b');
    waiting.rings.unpark(0);
    expect([waiting.rings.nextReadyMs, counts(waiting)[1]]).toEqual([Number.POSITIVE_INFINITY, 1]);
  });

  it('keeps its time as long as another priority of it is parked', () => {
    const { waiting } = waitingFor(['a', 1], ['a', 2]);
    park(waiting, at(waiting, 'a', 1), 1_000);
    park(waiting, at(waiting, 'a', 2), 1_000);
    waiting.forget(at(waiting, 'a', 1));
    expect(waiting.rings.nextReadyMs).toBe(1_000);
    waiting.free('a');
    waiting.rings.unpark(0);
    expect(counts(waiting)).toEqual([0, 0, 1]);
  });

  it('takes its group out of the turns if nothing else in it may have one', () => {
    const { waiting } = waitingFor(['a', 1, inTenant('t', 'o')], ['b', 1, inTenant('t', 'p')]);
    park(waiting, at(waiting, 'a'));
    expect(turns(waiting, 2)).toEqual(['b', 'b']);
    park(waiting, at(waiting, 'b'));
    expect(counts(waiting)[1]).toBe(0);
    waiting.free('b');
    waiting.rings.unpark(0);
    expect(turns(waiting, 2)).toEqual(['b', 'b']);
  });
});

describe('a group that is parked', () => {
  it('keeps what waits in it, and what is added, and comes back under each of its tenants', () => {
    const { waiting } = waitingFor(['a', 1, inTenant('t', 'o')], ['b', 1, inTenant('u', 'o')]);
    for (const lane of ['a', 'b']) {
      const origin = at(waiting, lane).parent.owner;
      if (origin === undefined) throw new Error('it has no origin');
      waiting.rings.park(origin, { until: origin.group, readyAtMs: 0 });
    }
    add(waiting, ['c', 1, inTenant('t', 'o')]);
    expect([counts(waiting)[1], waiting.size]).toEqual([0, 3]);
    const origin = at(waiting, 'a').parent.owner;
    if (origin !== undefined) waiting.rings.free(origin.group);
    waiting.rings.unpark(0);
    expect(turns(waiting, 4)).toEqual(['a', 'b', 'c', 'b']);
  });

  it('is gone when the last lane of it is forgotten', () => {
    const { waiting, groups } = waitingFor(['a', 1, inTenant('t', 'o')]);
    const origin = at(waiting, 'a').parent.owner;
    if (origin === undefined) throw new Error('it has no origin');
    waiting.rings.park(origin, { until: origin.group, readyAtMs: 5 });
    waiting.forget(at(waiting, 'a'));
    expect([groups.size, waiting.rings.nextReadyMs]).toEqual([0, Number.POSITIVE_INFINITY]);
    waiting.rings.unpark(10);
    expect(counts(waiting)).toEqual([0, 0, 0]);
  });
});
