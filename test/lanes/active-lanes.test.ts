import { describe, expect, it } from 'vitest';
import { ownGroup } from '../../src/domain/lane.ts';
import { ActiveLanes } from '../../src/lanes/active-lanes.ts';

// How much a lane may have in flight, one rule at a time. Times are literals, ms.

const of = (lane: string) => ({ lane, groups: ownGroup(lane) });
const refusal = { pauseMs: 1_000 };

/** A lane with one slot: it failed three times, with 8, 4 and 2 slots, at this time. */
function weakened(nowMs = 0): ActiveLanes {
  const lanes = new ActiveLanes(64);
  for (let failure = 0; failure < 3; failure += 1) send(lanes, 'overload', nowMs);
  return lanes;
}

function send(lanes: ActiveLanes, verdict: 'ok' | 'overload' | 'other', nowMs = 0): void {
  lanes.end('a', { epoch: lanes.begin(of('a'), nowMs), verdict, nowMs });
}

describe('a lane that nobody told us about', () => {
  it.each([
    [64, 8],
    [8, 8],
    [7, 7],
    [1, 1],
  ])('has eight slots, if a lane may have so many: %i, %i', (maxSlots, usual) => {
    const lanes = new ActiveLanes(maxSlots);
    expect([lanes.usualSlots, lanes.freeSlots('a', 0), lanes.inFlight('a')]).toEqual([
      usual,
      usual,
      0,
    ]);
    expect(lanes.restUntilMs('a', 0)).toBe(0);
    expect(lanes.offer(0).constrained).toEqual({});
  });

  it('has one fewer free with each request that begins, and its own ones again', () => {
    const lanes = new ActiveLanes(8);
    lanes.begin(of('a'), 0);
    lanes.begin(of('a'), 0);
    expect([lanes.inFlight('a'), lanes.freeSlots('a', 0), lanes.freeSlots('b', 0)]).toEqual([
      2, 6, 8,
    ]);
    expect(lanes.offer(0).constrained).toEqual({ a: 6 });
    lanes.end('a', { epoch: 0, verdict: 'other', nowMs: 0 });
    lanes.end('a', { epoch: 0, verdict: 'other', nowMs: 0 });
    expect([lanes.inFlight('a'), lanes.freeSlots('a', 0)]).toEqual([0, 8]);
    expect(lanes.offer(0).constrained).toEqual({});
  });

  it('learns nothing from an answer that says nothing', () => {
    const lanes = new ActiveLanes(64);
    send(lanes, 'other');
    expect(lanes.freeSlots('a', 0)).toBe(8);
  });

  it('has none below zero for a claim to be told of', () => {
    const lanes = weakened();
    for (let n = 0; n < 3; n += 1) lanes.begin(of('a'), 5_000);
    expect(lanes.offer(5_000).constrained).toEqual({ a: 0 });
  });
});

describe('a lane that fails', () => {
  it('has half of its slots, and half of these', () => {
    const lanes = new ActiveLanes(64);
    const seen = [8, 4, 2, 1].map((slots) => {
      expect(lanes.freeSlots('a', 0)).toBe(slots);
      send(lanes, 'overload');
      return lanes.restUntilMs('a', 0);
    });
    // It rests only after the last slot has failed.
    expect(seen).toEqual([0, 0, 0, 125]);
    expect([lanes.freeSlots('a', 124), lanes.freeSlots('a', 125)]).toEqual([0, 1]);
    expect([lanes.restUntilMs('a', 124), lanes.restUntilMs('a', 125)]).toEqual([125, 0]);
  });

  it('is remembered, and forgotten ten minutes after it was last used', () => {
    const lanes = weakened(1_000);
    lanes.sweep(601_000);
    expect(lanes.freeSlots('a', 601_000)).toBe(1);
    lanes.sweep(601_001);
    expect(lanes.freeSlots('a', 601_001)).toBe(8);
  });

  it('is remembered among the last 20,000 such lanes: a host can have a path for each webhook', () => {
    const lanes = new ActiveLanes(64);
    const fail = (lane: string) =>
      lanes.end(lane, { epoch: lanes.begin(of(lane), 0), verdict: 'overload', nowMs: 0 });
    for (let n = 0; n < 20_000; n += 1) fail(`${n}`);
    fail('0');
    const epoch = lanes.begin(of('1'), 0);
    fail('20000');
    fail('20001');
    const slots = ['0', '2', '3', '20001'].map((lane) => lanes.freeSlots(lane, 0));
    expect(slots).toEqual([2, 8, 4, 4]);
    expect([lanes.inFlight('1'), lanes.freeSlots('1', 0)]).toEqual([1, 3]);
    lanes.end('1', { epoch, verdict: 'other', nowMs: 0 });
  });

  it('is not forgotten while a request is under way', () => {
    const lanes = weakened();
    lanes.begin(of('a'), 0);
    lanes.sweep(9_999_999);
    expect([lanes.inFlight('a'), lanes.freeSlots('a', 9_999_999)]).toEqual([1, 0]);
  });

  it('begins its rests anew after a success', () => {
    const lanes = weakened();
    send(lanes, 'overload', 0);
    send(lanes, 'overload', 1_000);
    expect(lanes.restUntilMs('a', 1_000)).toBe(1_250);
    send(lanes, 'ok', 1_100);
    expect(lanes.restUntilMs('a', 1_100)).toBe(0);
    send(lanes, 'overload', 2_000);
    send(lanes, 'overload', 2_000);
    expect(lanes.restUntilMs('a', 2_000)).toBe(2_125);
  });
});

describe('a lane whose breaker has closed', () => {
  it('begins with one slot, and grows with successes', () => {
    const lanes = new ActiveLanes(64);
    lanes.slowStart('a', 0);
    const slots = [1, 2, 3, 4].map(() => {
      const free = lanes.freeSlots('a', 0);
      const epochs = Array.from({ length: free }, () => lanes.begin(of('a'), 0));
      for (const epoch of epochs) lanes.end('a', { epoch, verdict: 'ok', nowMs: 0 });
      return free;
    });
    expect(slots).toEqual([1, 2, 3, 5]);
  });

  it('keeps what is in flight, and hears no more of failures from before', () => {
    const lanes = new ActiveLanes(64);
    const before = lanes.begin(of('a'), 0);
    lanes.slowStart('a', 10);
    expect([lanes.inFlight('a'), lanes.freeSlots('a', 10)]).toEqual([1, 0]);
    const after = lanes.begin(of('a'), 20);
    expect(after).not.toBe(before);
    lanes.end('a', { epoch: before, verdict: 'other', refusal, nowMs: 30 });
    expect(lanes.restUntilMs('a', 30)).toBe(0);
  });

  it('rests no more, and begins its rests anew', () => {
    const lanes = weakened();
    for (const nowMs of [0, 1_000, 2_000]) send(lanes, 'overload', nowMs);
    expect(lanes.restUntilMs('a', 2_000)).toBe(2_500);
    lanes.slowStart('a', 2_100);
    expect([lanes.restUntilMs('a', 2_100), lanes.freeSlots('a', 2_100)]).toEqual([0, 1]);
    send(lanes, 'overload', 3_000);
    expect(lanes.restUntilMs('a', 3_000)).toBe(3_125);
  });

  it('works off a backlog, so it does not grow while others wait', () => {
    const lanes = new ActiveLanes(64);
    lanes.slowStart('a', 0);
    lanes.setStrain('high');
    send(lanes, 'ok');
    expect(lanes.freeSlots('a', 0)).toBe(1);
    lanes.setStrain('none');
    send(lanes, 'ok');
    expect(lanes.freeSlots('a', 0)).toBe(2);
  });

  it('is remembered among 20,000 such lanes at most', () => {
    const lanes = new ActiveLanes(64);
    for (let n = 0; n < 20_001; n += 1) lanes.slowStart(String(n), 0);
    expect([lanes.freeSlots('19999', 0), lanes.freeSlots('20000', 0)]).toEqual([1, 8]);
    lanes.end('5', { epoch: lanes.begin(of('5'), 0), verdict: 'ok', nowMs: 0 });
    expect(lanes.freeSlots('5', 0)).toBe(2);
    lanes.slowStart('5', 1);
    expect(lanes.freeSlots('5', 1)).toBe(1);
  });
});

describe('while backlogs hold back', () => {
  it('they do so for what is shared or high', () => {
    const lanes = new ActiveLanes(64);
    expect(lanes.isShared).toBe(false);
    for (const [level, isShared] of [
      ['shared', true],
      ['high', true],
      ['none', false],
    ] as const) {
      lanes.setStrain(level);
      expect(lanes.isShared).toBe(isShared);
    }
  });

  it('a lane of a backlog gains one slot a round', () => {
    const lanes = new ActiveLanes(64);
    lanes.slowStart('a', 0);
    lanes.setStrain('shared');
    for (let n = 0; n < 5; n += 1) send(lanes, 'ok');
    expect(lanes.freeSlots('a', 0)).toBe(2);
    lanes.setStrain('shared');
    for (let n = 0; n < 5; n += 1) {
      const epochs = [lanes.begin(of('a'), 0), lanes.begin(of('a'), 0)];
      for (const epoch of epochs) lanes.end('a', { epoch, verdict: 'ok', nowMs: 0 });
    }
    expect(lanes.freeSlots('a', 0)).toBe(3);
  });

  it('a lane that is not behind grows all the same, and keeps what it has', () => {
    const lanes = new ActiveLanes(64);
    lanes.slowStart('a', 0);
    lanes.noteAge('a', { isBehind: false });
    lanes.setStrain('high');
    for (let n = 0; n < 20; n += 1) {
      const epochs = Array.from({ length: lanes.freeSlots('a', 0) }, () => lanes.begin(of('a'), 0));
      for (const epoch of epochs) lanes.end('a', { epoch, verdict: 'ok', nowMs: 0 });
    }
    lanes.setStrain('high');
    expect(lanes.freeSlots('a', 0)).toBe(64);
  });
});

describe('a lane whose receiver refuses what is too much', () => {
  const refused = () => {
    const lanes = new ActiveLanes(64);
    lanes.end('a', { epoch: lanes.begin(of('a'), 0), verdict: 'other', refusal, nowMs: 0 });
    return lanes;
  };

  it('has one turn a second, and says when the next is', () => {
    const lanes = refused();
    expect([lanes.freeSlots('a', 990), lanes.freeSlots('a', 1_000)]).toEqual([0, 1]);
    expect([lanes.restUntilMs('a', 990), lanes.restUntilMs('a', 1_000)]).toEqual([1_000, 0]);
    lanes.begin(of('a'), 1_000);
    expect([lanes.freeSlots('a', 1_000), lanes.restUntilMs('a', 1_500)]).toEqual([0, 2_000]);
    expect(lanes.offer(1_000).constrained).toEqual({ a: 0 });
  });

  it('is told to a claim with a thousand like it, and any other lane has one slot then', () => {
    const lanes = new ActiveLanes(64);
    const refuse = (from: number, to: number) => {
      for (let n = from; n < to; n += 1) {
        const epoch = lanes.begin(of(`${n}`), 0);
        lanes.end(`${n}`, { epoch, verdict: 'other', refusal, nowMs: 0 });
      }
    };
    refuse(0, 1_000);
    expect([lanes.offer(0).usualSlots, lanes.offer(0).constrained['0']]).toEqual([8, 0]);
    refuse(1_000, 1_010);
    const { constrained, usualSlots } = lanes.offer(0);
    expect([constrained['9'], constrained['10'], constrained['1009']]).toEqual([undefined, 0, 0]);
    expect(usualSlots).toBe(1);
  });

  it('takes the refusal of a request that was begun without a turn for none', () => {
    const lanes = refused();
    const early = lanes.begin(of('a'), 500);
    lanes.end('a', { epoch: early, verdict: 'other', refusal, nowMs: 600 });
    // The turn that it took is gone, and the rate is the same.
    expect([lanes.freeSlots('a', 1_990), lanes.freeSlots('a', 2_000)]).toEqual([0, 1]);
    lanes.begin(of('a'), 2_000);
    expect(lanes.restUntilMs('a', 2_000)).toBe(3_000);
  });

  it('takes the refusal of one that had its turn for a second one, and halves the rate', () => {
    const lanes = refused();
    const inTurn = lanes.begin(of('a'), 1_000);
    lanes.end('a', { epoch: inTurn, verdict: 'other', refusal: { pauseMs: 0 }, nowMs: 1_000 });
    expect(lanes.restUntilMs('a', 1_000)).toBe(3_000);
  });

  it('grows again with successes', () => {
    const lanes = refused();
    lanes.end('a', { epoch: lanes.begin(of('a'), 1_000), verdict: 'ok', nowMs: 1_000 });
    // Two a second from then on.
    expect(lanes.restUntilMs('a', 1_500)).toBe(2_000);
    lanes.begin(of('a'), 2_000);
    expect(lanes.restUntilMs('a', 2_000)).toBe(2_500);
  });

  it('waits for a pause that all workers know of, and only then', () => {
    const lanes = refused();
    lanes.pause('a', { pauseMs: 3_000, nowMs: 500 });
    expect(lanes.restUntilMs('a', 500)).toBe(3_500);
    const other = new ActiveLanes(64);
    other.begin(of('b'), 0);
    other.pause('b', { pauseMs: 3_000, nowMs: 0 });
    other.pause('nobody', { pauseMs: 3_000, nowMs: 0 });
    expect([other.restUntilMs('b', 1), other.restUntilMs('nobody', 1)]).toEqual([0, 0]);
  });

  it('is remembered for ten minutes after its pause', () => {
    const lanes = new ActiveLanes(64);
    const long = { pauseMs: 3_600_000 };
    lanes.end('a', { epoch: lanes.begin(of('a'), 0), verdict: 'other', refusal: long, nowMs: 0 });
    lanes.sweep(4_200_000);
    expect(lanes.freeSlots('a', 4_200_000)).toBe(1);
    lanes.sweep(4_200_001);
    expect(lanes.freeSlots('a', 4_200_001)).toBe(8);
  });
});
