import { describe, expect, it } from 'vitest';
import { ownGroup } from '../../src/domain/lane.ts';
import type { LaneEnd } from '../../src/lanes/active-lanes.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import type { LaneRule } from '../../src/lanes/owned-lanes.ts';
import { of } from '../support/placed.ts';

// What the book asks for, field by field, and which limited lanes it gives up.

const rule = (given: Partial<LaneRule>): LaneRule => ({
  isOrdered: false,
  maxInFlight: null,
  ratePerS: null,
  rateInMs: 0,
  retryInMs: 0,
  ...given,
});

function bookWith(...lanes: readonly string[]): LaneBook {
  const book = new LaneBook({ most: 200 });
  for (const lane of lanes) book.add({ lane, priority: 1, dueMs: 500, groups: ownGroup(lane) });
  return book;
}

describe('a wish', () => {
  it('says what is asked for, from a ms before it is due', () => {
    expect(bookWith('a').choose(3, 0)).toEqual([
      {
        lane: 'a',
        priority: 1,
        quota: 3,
        dueFromMs: 499,
        rank: 1,
        isOwned: false,
        ahead: 1,
        groups: ownGroup('a'),
      },
    ]);
  });

  it('goes on a ms before what was claimed last', () => {
    const book = bookWith('a');
    const wishes = book.choose(2, 0);
    const claimed = [900, 700].map((dueMs) => ({ lane: 'a', priority: 1, dueMs }));
    book.learn({ wishes, claimed, discovered: [], wasFull: true });
    expect(book.choose(2, 0)).toMatchObject([{ dueFromMs: 899 }]);
  });

  it('is made again for a lane that gave all that it was asked for, though the claim was not full', () => {
    const book = bookWith('a');
    const wishes = book.choose(2, 0);
    const claimed = [700, 900].map((dueMs) => ({ lane: 'a', priority: 1, dueMs }));
    book.learn({ wishes, claimed, discovered: [], wasFull: false });
    const again = book.choose(2, 0);
    expect(again).toMatchObject([{ quota: 2, dueFromMs: 899 }]);
    book.learn({ wishes: again, claimed: claimed.slice(1), discovered: [], wasFull: false });
    expect(book.choose(2, 0)).toEqual([]);
  });

  it('of the first lane is for what does not divide by all', () => {
    expect(bookWith('a', 'b').choose(3, 0)).toMatchObject([{ quota: 2 }, { quota: 1 }]);
  });

  it('of an ordered lane goes on where its last webhook was due', () => {
    const book = bookWith('a');
    book.own('a', { rule: rule({ isOrdered: true }), nowMs: 0 });
    const claimed = [{ lane: 'a', priority: 1, dueMs: 900 }];
    book.learn({ wishes: book.choose(2, 0), claimed, discovered: [], wasFull: false });
    book.learn({ wishes: book.choose(2, 0), claimed: [], discovered: [], wasFull: false });
    book.add({ lane: 'a', priority: 2, dueMs: 2_000, groups: ownGroup('a') });
    expect(book.choose(2, 0)).toMatchObject([{ priority: 1, dueFromMs: 899 }]);
  });

  it('of an ordered lane goes back to the first of a train, because the others may come back', () => {
    const book = bookWith('a');
    book.own('a', { rule: rule({ isOrdered: true }), nowMs: 0 });
    const claimed = [950, 900, 1_000].map((dueMs) => ({ lane: 'a', priority: 1, dueMs }));
    book.learn({ wishes: book.choose(2, 0), claimed, discovered: [], wasFull: false });
    expect(book.choose(2, 0)).toMatchObject([{ priority: 1, dueFromMs: 899 }]);
    book.learn({ wishes: book.choose(2, 0), claimed: [], discovered: [], wasFull: false });
    book.add({ ...of('a'), priority: 1, dueMs: 2_000 });
    expect(book.choose(2, 0)).toMatchObject([{ dueFromMs: 899 }]);
  });

  it.each<{ what: string; given: Partial<LaneRule>; end: Partial<LaneEnd>; ahead: number }>([
    { what: 'sends for 750 ms', given: {}, end: {}, ahead: 37 },
    { what: 'keeps to a rate', given: { ratePerS: 100 }, end: {}, ahead: 9 },
    { what: 'fails', given: {}, end: { verdict: 'overload' }, ahead: 1 },
    { what: 'is not ordered', given: { isOrdered: false, maxInFlight: 2 }, end: {}, ahead: 1 },
  ])('of a lane that $what is for $ahead ahead', ({ given, end, ahead }) => {
    const book = bookWith('a');
    const ordered = rule({ isOrdered: true, ...given });
    book.own('a', { rule: ordered, nowMs: 0 });
    const begun = book.begin(of('a'), 0);
    const ended = { begun, answered: true, verdict: 'ok', tookMs: 20, nowMs: 0 } as const;
    book.end(of('a'), { ...ended, ...end });
    // What is known of it outlives a change of its rule.
    book.own('a', { rule: ordered, nowMs: 0 });
    expect(book.choose(1, 0)).toMatchObject([{ quota: 1, ahead }]);
  });

  it('of an ordered lane keeps to the rate of its tenant', () => {
    const book = new LaneBook({ most: 200 });
    const groups = { tenant: 't', origin: 'o' };
    book.add({ lane: 'a', groups, priority: 1, dueMs: 500 });
    book.own('a', { rule: rule({ isOrdered: true, tenant: 't' }), nowMs: 0 });
    book.own('t', { rule: rule({ isTenant: true, ratePerS: 100 }), nowMs: 0 });
    const begun = book.begin({ lane: 'a', groups }, 0);
    const ended = { begun, answered: true, verdict: 'ok', tookMs: 20, nowMs: 0 } as const;
    book.end({ lane: 'a', groups }, ended);
    expect(book.choose(1, 0)).toMatchObject([{ quota: 1, ahead: 9 }]);
  });

  it('of an ordered lane whose receiver has refused some is for no more than it accepts', () => {
    const book = bookWith('a');
    book.own('a', { rule: rule({ isOrdered: true }), nowMs: 0 });
    const end = (more: Partial<LaneEnd>, nowMs: number) =>
      book.end(of('a'), {
        ...{ begun: book.begin(of('a'), nowMs), answered: true, verdict: 'ok', tookMs: 20, nowMs },
        ...more,
      });
    end({}, 0);
    end({ verdict: 'other', refusal: { pauseMs: 100 } }, 0);
    end({}, 5_000);
    expect(book.choose(1, 60_000)).toMatchObject([{ ahead: 1 }]);
  });

  it('of an owned lane says so, and keeps to its limits', () => {
    const book = bookWith('a');
    book.own('a', { rule: rule({ maxInFlight: 3 }), nowMs: 0 });
    expect(book.choose(10, 0)).toMatchObject([{ quota: 3, isOwned: true }]);
    book.begin(of('a'), 0);
    expect(book.choose(10, 0)).toMatchObject([{ quota: 2 }]);
    book.own('a', { rule: rule({ maxInFlight: 1 }), nowMs: 0 });
    expect(book.choose(10, 0)).toEqual([]);
    book.disown('a');
    expect(book.choose(10, 0)).toMatchObject([{ quota: 7, isOwned: false }]);
  });

  it('of a lane with a rate is one that the rate allows, and the book knows when the next is', () => {
    const book = bookWith('a');
    book.own('a', { rule: rule({ ratePerS: 1 }), nowMs: 0 });
    expect(book.choose(10, 0)).toMatchObject([{ quota: 1 }]);
    book.begin(of('a'), 0);
    expect([book.choose(10, 0), book.nextReadyMs]).toEqual([[], 1_000]);
    expect(book.choose(10, 990)).toEqual([]);
    expect(book.choose(10, 1_000)).toMatchObject([{ quota: 1 }]);
  });

  it('of an ordered lane is for one, in one place, whatever the priorities', () => {
    const book = new LaneBook({ most: 200 });
    book.add({ lane: 'a', priority: 0, dueMs: 500, groups: ownGroup('a') });
    book.add({ lane: 'a', priority: 2, dueMs: 300, groups: ownGroup('a') });
    book.own('a', { rule: rule({ isOrdered: true }), nowMs: 0 });
    const wishes = book.choose(10, 0);
    expect(wishes).toMatchObject([{ priority: 1, quota: 1, isOwned: true }]);
    expect([book.owned.isOrdered('a'), book.owned.isOrdered('b')]).toEqual([true, false]);
    // It is asked for again though a full claim gave it nothing: what is there comes first.
    book.learn({ wishes, claimed: [], discovered: [], wasFull: true });
    expect(book.choose(10, 0)).toEqual([]);
  });

  it('of a lane that is held until a retry is none until then', () => {
    const book = bookWith('a');
    book.own('a', { rule: rule({ isOrdered: true, retryInMs: 400 }), nowMs: 0 });
    expect([book.choose(10, 399), book.nextReadyMs]).toEqual([[], 400]);
    expect(book.choose(10, 400)).toMatchObject([{ quota: 1 }]);
  });

  it('for all of a lane looks at each priority, however old', () => {
    const book = new LaneBook({ most: 200 });
    book.addAll('a');
    const wishes = book.choose(9, 0);
    expect(wishes.map(({ priority, dueFromMs }) => [priority, dueFromMs])).toEqual([[0, -1]]);
    expect([book.waitingCount, book.offer(0).usualSlots]).toEqual([3, 8]);
  });
});

it('one turn in ten is reserved for a lesser priority, is claimed first, and is not given twice', () => {
  const book = new LaneBook({ most: 200 });
  for (const [lane, priority] of [
    ['high', 0],
    ['normal', 1],
    ['low', 2],
  ] as const) {
    book.add({ lane, priority, dueMs: 5, groups: ownGroup(lane) });
  }
  expect(book.choose(10, 0)).toMatchObject([
    { lane: 'low', quota: 1, rank: 0 },
    { lane: 'high', quota: 8, rank: 1 },
    { lane: 'normal', quota: 1, rank: 1 },
  ]);
});

it('a reserved turn that low does not need goes to normal', () => {
  const book = new LaneBook({ most: 200 });
  book.add({ lane: 'high', priority: 0, dueMs: 5, groups: ownGroup('high') });
  book.add({ lane: 'normal', priority: 1, dueMs: 5, groups: ownGroup('normal') });
  expect(book.choose(10, 0)).toMatchObject([
    { lane: 'normal', quota: 2, rank: 0 },
    { lane: 'high', quota: 8, rank: 1 },
  ]);
});

describe('a lane that had no room is asked for again', () => {
  it('when a request of it ends', () => {
    const book = bookWith('a');
    const [first] = Array.from({ length: 8 }, () => book.begin(of('a'), 0));
    if (first === undefined) throw new Error('nothing began');
    expect(book.choose(10, 0)).toEqual([]);
    book.end(of('a'), { begun: first, answered: true, verdict: 'other', nowMs: 0 });
    expect(book.choose(10, 0)).toMatchObject([{ quota: 1 }]);
  });

  it('when it is not held any more, or is no lane of this process', () => {
    for (const change of ['own', 'disown'] as const) {
      const book = bookWith('a');
      book.own('a', { rule: rule({ retryInMs: 60_000 }), nowMs: 0 });
      expect(book.choose(10, 0)).toEqual([]);
      if (change === 'own') book.own('a', { rule: rule({}), nowMs: 0 });
      else book.disown('a');
      expect(book.choose(10, 0)).toMatchObject([{ quota: 8, isOwned: change === 'own' }]);
    }
  });

  it('slowly when its breaker has closed, and as usual ten minutes later', () => {
    const book = bookWith('a');
    book.slowStart('a', 0);
    expect(book.choose(10, 0)).toMatchObject([{ quota: 1 }]);
    book.sweep(600_000);
    expect(book.choose(10, 600_000)).toMatchObject([{ quota: 1 }]);
    book.sweep(600_001);
    expect(book.choose(10, 600_001)).toMatchObject([{ quota: 8 }]);
  });
});

describe('what the window sees', () => {
  const groups = ownGroup('a');
  const seen = {
    lane: 'a',
    groups,
    priority: 1,
    dueMs: 5,
    access: 'anyone',
    tenantAccess: 'anyone',
  } as const;

  it.each([
    [1, 0],
    [2, 1],
  ])('is looked for if more waits than was claimed: %i wait, one was claimed', (waiting, left) => {
    const book = new LaneBook({ most: 200 });
    const claimed = [{ lane: 'a', priority: 1, dueMs: 5 }];
    book.learn({ wishes: [], claimed, discovered: [{ ...seen, waiting }], wasFull: false });
    expect(book.waitingCount).toBe(left);
  });
});

describe('a limited lane is given up', () => {
  const owning = () => {
    const book = new LaneBook({ most: 200 });
    book.own('a', { rule: rule({ maxInFlight: 2 }), nowMs: 1_000 });
    return book;
  };

  it('five seconds after its last request', () => {
    const book = owning();
    expect([book.owned.has('a'), book.owned.names]).toEqual([true, ['a']]);
    expect(book.releaseIdle(5_999)).toEqual([]);
    expect(book.releaseIdle(6_000)).toEqual(['a']);
    expect([book.owned.has('a'), book.owned.names, book.releaseIdle(6_000)]).toEqual([
      false,
      [],
      [],
    ]);
  });

  it('not while it waits, nor while a request is under way', () => {
    const waiting = owning();
    waiting.add({ lane: 'a', priority: 2, dueMs: 0, groups: ownGroup('a') });
    expect(waiting.releaseIdle(60_000)).toEqual([]);
    const sending = owning();
    const begun = sending.begin(of('a'), 2_000);
    expect(sending.releaseIdle(60_000)).toEqual([]);
    sending.end(of('a'), { begun, answered: true, verdict: 'ok', nowMs: 60_000 });
    expect(sending.releaseIdle(60_000)).toEqual(['a']);
  });
});
