import { describe, expect, it, vi } from 'vitest';
import type { LaneGroups } from '../../src/domain/lane.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import { Ring } from '../../src/lanes/ring.ts';
import { beginIn, endAll, originOnly } from '../support/placed.ts';

// What tenants and origins may have in flight, rule by rule. test/lanes/tree-model.test.ts has them all together.

/** A book in which many lanes of these groups wait. */
function bookWith(groups: readonly LaneGroups[], { most = 512, lanes = 40 } = {}): LaneBook {
  const book = new LaneBook({ most });
  groups.forEach((group, at) => {
    for (let n = 0; n < lanes; n += 1) {
      book.add({ lane: `${at}/${n}`, priority: 1, dueMs: 1, groups: group });
    }
  });
  return book;
}

const roomOf = (book: LaneBook, groups: LaneGroups, nowMs: number) =>
  book
    .choose(1_000, nowMs)
    .filter((wish) => wish.groups.origin === groups.origin && wish.groups.tenant === groups.tenant)
    .reduce((sum, { quota }) => sum + quota, 0);

const o = originOnly('o');

describe('an origin', () => {
  it('has 16 slots over all its lanes, one more with each answer, and three quarters at most', () => {
    const book = bookWith([o], { most: 40 });
    expect(roomOf(book, o, 0)).toBe(16);
    endAll(book, beginIn(book, o, { count: 16 }), { answered: true });
    // Less than half of 22 are in flight when the last ten end.
    expect(roomOf(book, o, 0)).toBe(22);
    for (let n = 0; n < 3; n += 1)
      endAll(book, beginIn(book, o, { count: 30 }), { answered: true });
    expect(roomOf(book, o, 0)).toBe(30);
  });

  it('has half of them after a failure without an answer, once for a burst, and rests at the last', () => {
    const book = bookWith([o]);
    for (const slots of [8, 4, 2, 1]) {
      endAll(book, beginIn(book, o, { count: slots > 1 ? 3 : 1 }), { answered: false });
      expect(roomOf(book, o, 0)).toBe(slots);
    }
    endAll(book, beginIn(book, o, { count: 1 }), { answered: false });
    expect([roomOf(book, o, 124), book.nextReadyMs, roomOf(book, o, 125)]).toEqual([0, 125, 1]);
  });

  it('has 16 at most while it has not answered for two seconds, and its own again with an answer', () => {
    const book = bookWith([o]);
    for (let n = 0; n < 3; n += 1)
      endAll(book, beginIn(book, o, { count: 32 }), { answered: true });
    const [first, ...others] = beginIn(book, o, { count: 18 });
    const slots = roomOf(book, o, 1_999) + 18;
    expect(slots).toBeGreaterThan(40);
    expect(roomOf(book, o, 2_000)).toBe(0);
    if (first !== undefined) endAll(book, [first], { answered: true, nowMs: 2_100 });
    expect(roomOf(book, o, 2_100)).toBe(slots - others.length);
  });

  it('has four while it answers nothing but failures, and its own again with a success', () => {
    const book = bookWith([o]);
    const fail = (flights: ReturnType<typeof beginIn>) => {
      for (const { placed, begun } of flights)
        book.end(placed, { begun, verdict: 'overload', answered: true, nowMs: 0 });
    };
    // 1 - 0.95 ** 59 is the first beyond 0.95.
    for (let n = 0; n < 58; n += 1) fail(beginIn(book, o, { count: 1 }));
    expect(roomOf(book, o, 0)).toBe(16);
    fail(beginIn(book, o, { count: 1 }));
    expect(roomOf(book, o, 0)).toBe(4);
    endAll(book, beginIn(book, o, { count: 1 }), { answered: true });
    expect(roomOf(book, o, 0)).toBe(16);
  });

  it('begins with one slot when its breaker closes, and hears no more of failures from before', () => {
    const book = bookWith([o]);
    const before = beginIn(book, o, { count: 1 });
    book.slowStartOrigin('o', 0);
    expect(roomOf(book, o, 0)).toBe(0);
    endAll(book, before, { answered: true });
    expect(roomOf(book, o, 0)).toBe(2);
  });

  it('shares its slots among its tenants', () => {
    const [a, b] = [
      { tenant: 'a', origin: 'o' },
      { tenant: 'b', origin: 'o' },
    ];
    const book = bookWith([a, b]);
    const tenants = book.choose(10, 0).map(({ groups, quota }) => `${groups.tenant} ${quota}`);
    expect(tenants.toSorted()).toEqual([...Array(5).fill('a 1'), ...Array(5).fill('b 1')]);
    expect(book.choose(1_000, 0).reduce((sum, { quota }) => sum + quota, 0)).toBe(16);
  });
});

describe('a tenant', () => {
  it('has 16 slots over all its origins, and does not rest when one of them fails', () => {
    const groups = ['o', 'p', 'q'].map((origin) => ({ tenant: 't', origin }));
    const book = bookWith(groups);
    expect(book.choose(1_000, 0).reduce((sum, { quota }) => sum + quota, 0)).toBe(16);
    for (let n = 0; n < 6; n += 1) {
      endAll(book, beginIn(book, { tenant: 't', origin: 'o' }, { count: 1 }), { answered: false });
    }
    expect(book.choose(1_000, 1)).toHaveLength(1);
  });

  it('that works off a backlog gives slots back while others wait, down to four times the usual ones', () => {
    const book = bookWith([o]);
    for (let n = 0; n < 9; n += 1)
      endAll(book, beginIn(book, o, { count: 64 }), { answered: true });
    const before = roomOf(book, o, 0);
    expect(before).toBeGreaterThan(100);
    book.noteAge('0/0', { isBehind: true });
    book.setStrain('high');
    expect(roomOf(book, o, 0)).toBe(Math.floor(before * 0.75));
    for (let n = 0; n < 5; n += 1) book.setStrain('high');
    expect(roomOf(book, o, 0)).toBe(64);
  });
});

describe('the last quarter', () => {
  const hanging = Array.from({ length: 30 }, (_, n) => originOnly(`hangs ${n}`));

  /** 24 groups hold 16 of 512 slots each, and do not answer. */
  function guarded() {
    const book = bookWith([...hanging, o]);
    for (const groups of hanging.slice(0, 24)) beginIn(book, groups, { count: 16 });
    return book;
  }

  it('is not for those that have not answered, however many groups they are', () => {
    const book = guarded();
    expect(book.choose(1_000, 10)).toEqual([]);
    expect(book.usualGroupSlots).toBe(0);
    expect(book.limitOf([], 100)).toBe(0);
    expect(book.offer(10).maxFound).toBe(0);
  });

  it('is not for what a claim finds in the place of what it wishes for', () => {
    const book = bookWith([...hanging, o]);
    endAll(book, beginIn(book, o, { count: 1 }), { answered: true });
    for (const groups of hanging.slice(0, 23)) beginIn(book, groups, { count: 16 });
    const wishes = book.choose(40, 10);
    const wished = (isTrusted: boolean) =>
      wishes
        .filter(({ groups }) => (groups.origin === 'o') === isTrusted)
        .reduce((sum, { quota }) => sum + quota, 0);
    expect(wished(true)).toBeGreaterThan(0);
    expect(book.offer(10).maxFound).toBe(16 - wished(false));
  });

  it('is for those that have answered lately, up to an equal share', () => {
    const book = bookWith([...hanging, o]);
    endAll(book, beginIn(book, o, { count: 1 }), { answered: true });
    for (const groups of hanging.slice(0, 24)) beginIn(book, groups, { count: 16 });
    const share = Math.ceil(512 / 31);
    const wishes = book.choose(8, 10);
    expect(wishes.every(({ groups }) => groups.origin === 'o')).toBe(true);
    expect(book.offer(10).constrained).toEqual(expect.objectContaining({ o: 16 - 8 }));
    beginIn(book, o, { count: share, nowMs: 10 });
    expect(book.choose(1_000, 10)).toEqual([]);
    expect(book.choose(1_000, 60_002)).toEqual([]);
  });

  it('comes free for one more group with each request that ends', () => {
    const book = bookWith([...hanging, o]);
    const flights = hanging.slice(0, 24).flatMap((groups) => beginIn(book, groups, { count: 16 }));
    expect(book.choose(1_000, 10)).toEqual([]);
    endAll(book, flights.slice(0, 3), { answered: false, nowMs: 20 });
    expect(book.choose(1_000, 20).reduce((sum, { quota }) => sum + quota, 0)).toBe(3);
  });

  it('does not keep newcomers out when those who answer hold all other slots', () => {
    const well = Array.from({ length: 30 }, (_, n) => originOnly(`well ${n}`));
    const book = bookWith([...well, o]);
    for (const groups of well)
      endAll(book, beginIn(book, groups, { count: 1 }), { answered: true });
    for (const groups of well) beginIn(book, groups, { count: 16 });
    expect(roomOf(book, o, 10)).toBe(16);
  });
});

describe('a choice', () => {
  const turnsOf = (choose: () => unknown) => {
    const next = vi.spyOn(Ring.prototype, 'next');
    choose();
    const { length } = next.mock.calls;
    next.mockRestore();
    return length;
  };

  it('does not look at what waits for a group that is full', () => {
    const book = bookWith([o], { lanes: 20_000 });
    const flights = beginIn(book, o, { count: 16 });
    expect(turnsOf(() => book.choose(100, 0))).toBeLessThan(5);
    endAll(book, flights.slice(0, 1), { answered: true });
    expect(turnsOf(() => expect(book.choose(100, 0)).toHaveLength(2))).toBeLessThan(10);
  });

  it('does not look at full groups again until they have room', () => {
    const groups = Array.from({ length: 1_000 }, (_, n) => originOnly(`o${n}`));
    const book = bookWith(groups, { most: 4_000, lanes: 5 });
    for (const group of groups.slice(10)) {
      beginIn(book, group, { count: 1 });
      book.slowStartOrigin(group.origin, 0);
    }
    book.choose(2_000, 0);
    expect(turnsOf(() => expect(book.choose(10, 0)).toHaveLength(10))).toBeLessThan(25);
  });
});

describe('what is known of groups', () => {
  it('is forgotten at once if nothing was learnt, and ten minutes after their last request', () => {
    const book = new LaneBook({ most: 512 });
    const t = { tenant: 't', origin: 'o' };
    endAll(book, beginIn(book, t, { count: 1 }), { answered: false });
    expect(book.groupCount).toBe(2);
    book.sweep(600_000);
    expect(book.groupCount).toBe(2);
    book.sweep(600_001);
    expect(book.groupCount).toBe(0);
    book.addAll('a', t);
    expect(book.groupCount).toBe(2);
    book.learn({ wishes: book.choose(9, 0), claimed: [], discovered: [], wasFull: false });
    for (let n = 0; n < 2; n += 1) {
      book.learn({ wishes: book.choose(9, 0), claimed: [], discovered: [], wasFull: false });
    }
    expect([book.waitingCount, book.groupCount]).toEqual([0, 0]);
  });

  it('is a bounded number of groups, of those that breakers name and of those that were sent to', () => {
    const book = new LaneBook({ most: 512 });
    for (let n = 0; n < 20_001; n += 1) book.slowStartOrigin(`${n}`, 0);
    expect(book.groupCount).toBe(20_000);
    endAll(book, beginIn(book, originOnly('new'), { count: 1 }), { answered: true });
    expect(book.groupCount).toBe(20_000);
    book.add({ lane: 'a', priority: 1, dueMs: 1, groups: originOnly('0') });
    book.add({ lane: 'b', priority: 1, dueMs: 1, groups: originOnly('2') });
    const quotas = book.choose(100, 0).map(({ lane, quota }) => [lane, quota]);
    expect(quotas).toEqual([
      ['a', 8],
      ['b', 1],
    ]);
  });

  it('is told to a claim of a thousand that have other slots than usual, and the others have one', () => {
    const book = new LaneBook({ most: 512 });
    const fail = (from: number, to: number) => {
      for (let n = from; n < to; n += 1)
        endAll(book, beginIn(book, originOnly(`${n}`), { count: 1 }), { answered: false });
    };
    fail(0, 1_000);
    expect([book.usualGroupSlots, book.offer(0).constrained['0']]).toEqual([16, 8]);
    fail(1_000, 1_010);
    const { constrained } = book.offer(0);
    expect([constrained['9'], constrained['10'], constrained['1009']]).toEqual([undefined, 8, 8]);
    expect(book.usualGroupSlots).toBe(1);
  });

  it('is kept for a lane that waits or is in flight, and it is a group of its own otherwise', () => {
    const book = new LaneBook({ most: 512 });
    const [flight] = beginIn(book, o, { count: 1 });
    book.addAll('sent 0');
    expect(book.choose(1, 0)).toMatchObject([{ lane: 'sent 0', groups: o }]);
    book.addAll('unknown');
    const found = book.choose(100, 0).find(({ lane }) => lane === 'unknown');
    expect(found?.groups).toEqual(originOnly('unknown'));
    expect(flight).toBeDefined();
  });
});
