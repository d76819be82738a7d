import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownGroup } from '../../src/domain/lane.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import type { LaneWish } from '../../src/lanes/lane-wish.ts';
import { of } from '../support/placed.ts';

/** Epochs of no request. */
const none = { lane: -1, origin: -1, top: -1 };

/** Answers each wish in full, up to what waits, and says which priority each webhook had. */
function serve(book: LaneBook, waiting: Map<string, number>, room: number): number[] {
  const wishes = book.choose(room, 0);
  const claimed: { lane: string; priority: number; dueMs: number }[] = [];
  for (const wish of [...wishes].sort(byRankAndPriority)) {
    const name = `${wish.lane}:${wish.priority}`;
    const left = waiting.get(name) ?? 0;
    const count = Math.min(left, wish.quota, room - claimed.length);
    waiting.set(name, left - count);
    for (let n = 0; n < count; n += 1) {
      claimed.push({ lane: wish.lane, priority: wish.priority, dueMs: 1 });
    }
  }
  book.learn({ wishes, claimed, discovered: [], wasFull: claimed.length >= room });
  return claimed.map(({ priority }) => priority);
}

function byRankAndPriority(a: LaneWish, b: LaneWish): number {
  return a.rank - b.rank || a.priority - b.priority;
}

describe('choosing lanes', () => {
  it('shares the room equally among the lanes of a priority', () => {
    const book = new LaneBook({ most: 200 });
    for (const lane of ['a', 'b', 'c', 'd'])
      book.add({ lane, priority: 1, dueMs: 5, groups: ownGroup(lane) });
    expect(book.choose(20, 0).map(({ lane, quota }) => [lane, quota])).toEqual([
      ['a', 5],
      ['b', 5],
      ['c', 5],
      ['d', 5],
    ]);
  });

  it('gives lanes that are known to be deep four at a time, and all of them their turn', () => {
    const book = new LaneBook({ most: 200 });
    const lanes = Array.from({ length: 20 }, (_, at) => `lane ${at}`);
    const waiting = new Map(lanes.map((lane) => [`${lane}:1`, 1_000]));
    for (const lane of lanes) book.add({ lane, priority: 1, dueMs: 1, groups: ownGroup(lane) });
    expect(book.choose(20, 0).map(({ quota }) => quota)).toEqual(Array(20).fill(1));
    for (let claim = 0; claim < 1 + 5; claim += 1) serve(book, waiting, 20);
    expect(book.choose(20, 0).map(({ quota }) => quota)).toEqual(Array(5).fill(4));
    for (let claim = 0; claim < 100; claim += 1) serve(book, waiting, 20);
    const served = [...waiting.values()].map((left) => 1_000 - left);
    expect(Math.max(...served) - Math.min(...served)).toBeLessThanOrEqual(4);
  });

  it('gives a lane no more than its free slots, over all its priorities', () => {
    const book = new LaneBook({ most: 200 });
    for (const priority of [0, 1, 2])
      book.add({ lane: 'a', priority, dueMs: 5, groups: ownGroup('a') });
    for (let n = 0; n < 5; n += 1) book.begin(of('a'), 0);
    const total = book.choose(50, 0).reduce((sum, { quota }) => sum + quota, 0);
    expect(total).toBe(book.offer(0).usualSlots - 5);
  });

  it('puts high before normal before low, and yet one in ten goes to the others', () => {
    const book = new LaneBook({ most: 2 });
    const waiting = new Map([
      ['a:0', 100],
      ['b:1', 100],
      ['c:2', 100],
    ]);
    book.add({ lane: 'a', priority: 0, dueMs: 1, groups: ownGroup('a') });
    book.add({ lane: 'b', priority: 1, dueMs: 1, groups: ownGroup('b') });
    book.add({ lane: 'c', priority: 2, dueMs: 1, groups: ownGroup('c') });
    const served = Array.from({ length: 100 }, () => serve(book, waiting, 1)).flat();
    expect(served.filter((priority) => priority === 0)).toHaveLength(90);
    expect(served.filter((priority) => priority === 1)).toHaveLength(5);
    expect(served.filter((priority) => priority === 2)).toHaveLength(5);
  });

  it('gives everything to low when nothing else waits', () => {
    const book = new LaneBook({ most: 800 });
    book.add({ lane: 'c', priority: 2, dueMs: 1, groups: ownGroup('c') });
    expect(book.choose(200, 0)).toMatchObject([
      { lane: 'c', quota: book.offer(0).usualSlots, rank: 1 },
    ]);
  });

  it('never asks for more than there is room for, nor twice for the same lane and priority', () => {
    const lanes = fc.array(
      fc.record({ lane: fc.constantFrom('a', 'b', 'c', 'd', 'e'), priority: fc.nat({ max: 2 }) }),
    );
    fc.assert(
      fc.property(
        lanes,
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 64 }),
        (seen, room, maxSlots) => {
          const book = new LaneBook({ most: maxSlots * 2 });
          for (const { lane, priority } of seen)
            book.add({ lane, priority, dueMs: 1, groups: ownGroup(lane) });
          const wishes = book.choose(room, 0);
          const names = wishes.map(({ lane, priority }) => `${lane}:${priority}`);
          expect(new Set(names).size).toBe(names.length);
          expect(wishes.reduce((sum, { quota }) => sum + quota, 0)).toBeLessThanOrEqual(room);
          for (const lane of new Set(wishes.map((wish) => wish.lane))) {
            const ofLane = wishes.filter((wish) => wish.lane === lane);
            expect(ofLane.reduce((sum, { quota }) => sum + quota, 0)).toBeLessThanOrEqual(
              book.offer(0).usualSlots,
            );
          }
        },
      ),
    );
  });
});

describe('learning from a claim', () => {
  it('drops a lane that gave less than was asked, and takes it up again when the window sees it', () => {
    const book = new LaneBook({ most: 200 });
    book.add({ lane: 'a', priority: 1, dueMs: 5, groups: ownGroup('a') });
    const wishes = book.choose(8, 0);
    book.learn({ wishes, claimed: [], discovered: [], wasFull: false });
    expect(book.waitingCount).toBe(0);
    book.learn({
      wishes: [],
      claimed: [{ lane: 'a', priority: 1, dueMs: 7 }],
      discovered: [
        {
          lane: 'a',
          priority: 1,
          waiting: 3,
          dueMs: 7,
          access: 'anyone',
          tenantAccess: 'anyone',
          groups: ownGroup('a'),
        },
      ],
      wasFull: false,
    });
    expect(book.choose(8, 0)).toMatchObject([{ lane: 'a', dueFromMs: 6 }]);
  });

  it('keeps a lane that got nothing because the claim was full', () => {
    const book = new LaneBook({ most: 200 });
    book.add({ lane: 'a', priority: 1, dueMs: 5, groups: ownGroup('a') });
    book.learn({ wishes: book.choose(8, 0), claimed: [], discovered: [], wasFull: true });
    expect(book.waitingCount).toBe(1);
  });
});

describe('slots of a lane', () => {
  it('grow with successes up to the maximum and halve once for a burst of overload', () => {
    const book = new LaneBook({ most: 40 });
    const flights = Array.from({ length: 8 }, () => book.begin(of('a'), 0));
    for (const begun of flights) {
      book.end(of('a'), { begun, answered: true, verdict: 'ok', nowMs: 0 });
      book.begin(of('a'), 0);
    }
    book.add({ lane: 'a', priority: 1, dueMs: 1, groups: ownGroup('a') });
    expect(book.choose(100, 0)).toMatchObject([{ quota: 8 }]);
    const burst = Array.from({ length: 8 }, () => book.begin(of('a'), 0));
    for (const begun of burst)
      book.end(of('a'), { begun, answered: true, verdict: 'overload', nowMs: 0 });
    expect(book.offer(0).constrained).toEqual({ a: 0 });
    for (let n = 0; n < 8; n += 1)
      book.end(of('a'), { begun: none, answered: true, verdict: 'other', nowMs: 0 });
    // 16 slots halved once.
    expect(book.choose(100, 0)).toMatchObject([{ quota: 8 }]);
  });

  it('never fall below one', () => {
    const book = new LaneBook({ most: 40 });
    for (let n = 0; n < 10; n += 1) {
      const begun = book.begin(of('a'), 0);
      book.end(of('a'), { begun, answered: true, verdict: 'overload', nowMs: 0 });
    }
    book.add({ lane: 'a', priority: 1, dueMs: 1, groups: ownGroup('a') });
    expect(book.choose(100, 10_000)).toMatchObject([{ quota: 1 }]);
  });
});

describe('a lane that fails with its last slot', () => {
  it('is left alone, longer each time, and no more after a success', () => {
    const book = new LaneBook({ most: 16 });
    book.add({ lane: 'a', priority: 1, dueMs: 1, groups: ownGroup('a') });
    let nowMs = 0;
    const send = (verdict: 'ok' | 'overload') => {
      expect(book.choose(10, nowMs)).toHaveLength(1);
      book.end(of('a'), { answered: true, begun: book.begin(of('a'), nowMs), verdict, nowMs });
    };
    // 8, 4, 2, 1.
    for (let failure = 0; failure < 3; failure += 1) send('overload');
    for (const restMs of [125, 250, 500, 1_000, 2_000, 2_000]) {
      send('overload');
      expect(book.choose(10, nowMs + restMs - 1)).toEqual([]);
      expect(book.offer(nowMs + restMs - 1).constrained).toEqual({ a: 0 });
      expect(book.nextReadyMs).toBe(nowMs + restMs);
      nowMs += restMs;
    }
    send('ok');
    send('overload');
    send('overload');
    expect(book.choose(10, nowMs + 124)).toEqual([]);
    expect(book.choose(10, nowMs + 125)).toHaveLength(1);
  });
});

describe('while what has just arrived has to wait', () => {
  it('lanes that work off a backlog give slots back, bit by bit, and do not grow; others do', () => {
    const book = new LaneBook({ most: 128 });
    const slotsOf = (lane: string) => {
      book.add({ lane, priority: 1, dueMs: 1, groups: ownGroup(lane) });
      const wish = book.choose(1_000, 0).find((one) => one.lane === lane);
      return wish?.quota ?? 0;
    };
    const serve = (lane: string, { isBehind }: { isBehind: boolean }) => {
      for (let round = 0; round < 10; round += 1) {
        const flights = Array.from({ length: 40 }, () => book.begin(of(lane), 0));
        book.noteAge(lane, { isBehind });
        for (const begun of flights)
          book.end(of(lane), { begun, answered: true, verdict: 'ok', nowMs: 0 });
      }
    };
    serve('behind', { isBehind: true });
    serve('fresh', { isBehind: false });
    expect([slotsOf('behind'), slotsOf('fresh')]).toEqual([64, 64]);
    book.setStrain('high');
    expect([slotsOf('behind'), slotsOf('fresh')]).toEqual([48, 64]);
    for (let round = 0; round < 20; round += 1) book.setStrain('high');
    serve('behind', { isBehind: true });
    expect([slotsOf('behind'), slotsOf('fresh')]).toEqual([book.offer(0).usualSlots, 64]);
    book.setStrain('shared');
    serve('behind', { isBehind: true });
    expect(slotsOf('behind')).toBe(book.offer(0).usualSlots + 1);
    book.setStrain('none');
    serve('behind', { isBehind: true });
    expect(slotsOf('behind')).toBe(64);
  });

  it('a lesser priority gets its turns alone, though the better one has few free slots', () => {
    const book = new LaneBook({ most: 100, maxSlots: 8 });
    for (let n = 0; n < 7; n += 1) book.begin(of('normal'), 0);
    book.add({ lane: 'normal', priority: 1, dueMs: 1, groups: ownGroup('normal') });
    book.add({ lane: 'low', priority: 2, dueMs: 1, groups: ownGroup('low') });
    const chosen = (room: number) =>
      book.choose(room, 0).map(({ lane, quota }) => `${lane} ${quota}`);
    expect(chosen(8)).toEqual(['normal 1', 'low 7']);
    book.setStrain('shared');
    expect(chosen(8)).toEqual(['normal 1']);
    // A tenth of what was claimed last.
    const claimed = Array.from({ length: 20 }, () => ({ lane: 'x', priority: 1, dueMs: 1 }));
    book.learn({ wishes: [], claimed, discovered: [], wasFull: true });
    expect(chosen(8)).toEqual(['normal 1']);
    expect(chosen(50)).toEqual(['low 2', 'normal 1']);
    book.begin(of('normal'), 0);
    expect(chosen(8)).toEqual(['low 8']);
  });
});

it('goes back to the first of an ordered lane, whatever is seen after a claim that gave nothing', () => {
  const book = new LaneBook({ most: 200 });
  const rule = { isOrdered: true, maxInFlight: null, ratePerS: null, rateInMs: 0, retryInMs: 0 };
  book.own('a', { rule, nowMs: 0 });
  book.add({ lane: 'a', priority: 1, dueMs: 100, groups: ownGroup('a') });
  const claimed = [{ lane: 'a', priority: 1, dueMs: 100 }];
  book.learn({ wishes: book.choose(10, 0), claimed, discovered: [], wasFull: false });
  // It is to be tried again, and Postgres does not give it yet; or another session has locked it.
  book.learn({ wishes: book.choose(10, 0), claimed: [], discovered: [], wasFull: false });
  expect(book.choose(10, 0)).toEqual([]);
  book.add({ lane: 'a', priority: 1, dueMs: 500, groups: ownGroup('a') });
  const [wish] = book.choose(10, 0);
  expect(wish?.dueFromMs).toBeLessThanOrEqual(100);
});

describe('a lane whose receiver refuses what is too much', () => {
  const refusal = { pauseMs: 1_000 };
  const room = (book: LaneBook, nowMs: number) =>
    book.choose(100, nowMs).reduce((sum, { quota }) => sum + quota, 0);

  function refusedLane() {
    const book = new LaneBook({ most: 200 });
    book.add({ lane: 'a', priority: 1, dueMs: 1, groups: ownGroup('a') });
    const flights = Array.from({ length: 4 }, () => book.begin(of('a'), 0));
    for (const begun of flights)
      book.end(of('a'), { begun, answered: true, verdict: 'overload', refusal, nowMs: 10 });
    return book;
  }

  it('gets nothing until the pause is over, and then one request a second', () => {
    const book = refusedLane();
    expect(room(book, 1_000)).toBe(0);
    expect(book.nextReadyMs).toBe(1_010);
    expect(room(book, 1_010)).toBe(1);
    book.end(of('a'), {
      answered: true,
      begun: book.begin(of('a'), 1_010),
      verdict: 'other',
      nowMs: 1_020,
    });
    expect([room(book, 2_000), room(book, 2_010)]).toEqual([0, 1]);
  });

  it('takes no refusal of what was claimed before it for a second one', () => {
    const late = refusedLane();
    const begun = late.begin(of('a'), 20);
    late.end(of('a'), { begun, answered: true, verdict: 'overload', refusal, nowMs: 30 });
    // Only the turn that it took is gone: the rate is the same, and the slots too.
    const roomAfter = (book: LaneBook) => {
      book.begin(of('a'), 5_000);
      return [5_990, 6_000].map((nowMs) => room(book, nowMs));
    };
    expect(roomAfter(late)).toEqual([0, 1]);
    expect(roomAfter(refusedLane())).toEqual([0, 1]);
  });

  it('is looked at again when a pause is over that all workers know of, though nothing is seen of it', () => {
    const book = refusedLane();
    const wishes = book.choose(100, 1_010);
    book.learn({ wishes, claimed: [], discovered: [], wasFull: false });
    expect(book.nextReadyMs).toBe(Number.POSITIVE_INFINITY);
    book.pause(of('a'), { ...refusal, nowMs: 1_050 });
    expect(room(book, 2_040)).toBe(0);
    expect(book.nextReadyMs).toBe(2_050);
    expect(room(book, 2_050)).toBe(1);
  });

  it('is not kept by this worker for longer than five seconds: somebody may end a long pause', () => {
    const book = refusedLane();
    book.pause(of('a'), { pauseMs: 3_600_000, nowMs: 1_000 });
    expect([room(book, 5_990), room(book, 6_000)]).toEqual([0, 1]);
  });

  it('keeps its rate when its breaker closes', () => {
    const book = refusedLane();
    book.slowStart('a', 20);
    expect([room(book, 1_000), room(book, 1_010)]).toEqual([0, 1]);
  });
});
