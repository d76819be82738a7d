import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LaneGroups } from '../../src/domain/lane.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import { beginIn, endAll, originOnly } from '../support/placed.ts';

// Which tenants and origins a worker says it holds back, why, and since when.

function waitIn(book: LaneBook, groups: LaneGroups, lanes = 40): void {
  for (let n = 0; n < lanes; n += 1) {
    const lane = `${groups.tenant}/${groups.origin}/${n}`;
    book.add({ lane, priority: n % 2, dueMs: 1, groups });
  }
}

const found = (book: LaneBook, nowMs: number) =>
  book.heldBack(nowMs).map(({ key, reason }) => [key, reason]);

const o = originOnly('o');

it('is nobody while there is room, or nothing waits', () => {
  const book = new LaneBook({ most: 512 });
  beginIn(book, originOnly('busy'), { count: 16 });
  waitIn(book, o);
  beginIn(book, o, { count: 15 });
  expect(book.heldBack(5_000)).toEqual([]);
});

it('is an origin that uses all its slots, and one that answers nothing after two seconds', () => {
  const book = new LaneBook({ most: 512 });
  waitIn(book, o);
  beginIn(book, o, { count: 16 });
  const one = { key: 'o', level: 'origin', inFlight: 16, slots: 16, sinceMs: 100 };
  book.choose(10, 100);
  expect(book.heldBack(100)).toMatchObject([{ ...one, reason: 'slots' }]);
  expect(book.heldBack(2_000)).toMatchObject([{ ...one, reason: 'no_answer' }]);
});

it('is an origin that rests after it failed with its last slot, until it may try again', () => {
  const book = new LaneBook({ most: 512 });
  waitIn(book, o);
  for (let n = 0; n < 5; n += 1) endAll(book, beginIn(book, o, { count: 1 }), { answered: false });
  expect(found(book, 124)).toEqual([['o', 'no_answer']]);
  expect(found(book, 125)).toEqual([]);
});

it('is a tenant with slots in use, and not its origins, which have room', () => {
  const book = new LaneBook({ most: 512 });
  for (const origin of ['a', 'b']) {
    waitIn(book, { tenant: 't', origin });
    beginIn(book, { tenant: 't', origin }, { count: 8 });
  }
  expect(book.heldBack(0)).toMatchObject([
    { key: 't', level: 'tenant', reason: 'slots', inFlight: 16 },
  ]);
});

it('is a tenant that uses all that its limits allow', () => {
  const book = new LaneBook({ most: 512 });
  const groups = { tenant: 't', origin: 'a' };
  const rule = {
    ...{ isOrdered: false, isTenant: true, maxInFlight: 2, ratePerS: null },
    ...{ rateInMs: 0, retryInMs: 0 },
  };
  book.own('t', { rule, nowMs: 0 });
  waitIn(book, groups);
  beginIn(book, groups, { count: 1 });
  expect(found(book, 0)).toEqual([]);
  beginIn(book, groups, { count: 1 });
  expect(found(book, 0)).toEqual([['t', 'limit']]);
});

it('is a top group with its equal share while the worker is nearly full', () => {
  const book = new LaneBook({ most: 40 });
  const answering = beginIn(book, o, { count: 16 });
  endAll(book, answering, { answered: true });
  beginIn(book, o, { count: 22 });
  for (let n = 0; n < 2; n += 1) beginIn(book, originOnly(`other ${n}`), { count: 4 });
  waitIn(book, o);
  // 30 of 40 are in flight, and three groups have work.
  expect(found(book, 0)).toEqual([['o', 'slots']]);
  const more = new LaneBook({ most: 40 });
  endAll(more, beginIn(more, o, { count: 16 }), { answered: true });
  beginIn(more, o, { count: 20 });
  for (let n = 0; n < 2; n += 1) beginIn(more, originOnly(`other ${n}`), { count: 5 });
  waitIn(more, o);
  expect(found(more, 0)).toEqual([['o', 'share']]);
});

it('is one that has not answered lately when groups like that hold all that they may, with a lane that waits', () => {
  const book = new LaneBook({ most: 40 });
  for (let n = 0; n < 5; n += 1) beginIn(book, originOnly(`hangs ${n}`), { count: 6 });
  waitIn(book, o, 1);
  expect(book.choose(10, 3_000)).toEqual([]);
  expect(book.heldBack(3_000)).toEqual([
    {
      key: 'o',
      level: 'origin',
      reason: 'unproven',
      inFlight: 0,
      slots: 16,
      lane: 'null/o/0',
      sinceMs: 3_000,
    },
  ]);
});

it('has been held back since the first look, unless it was not for more than two heartbeats', () => {
  const book = new LaneBook({ most: 512 });
  waitIn(book, o);
  const since = (nowMs: number) => book.heldBack(nowMs).map(({ sinceMs }) => sinceMs);
  let flights = beginIn(book, o, { count: 16 });
  expect(since(1_000)).toEqual([1_000]);
  expect(since(3_000)).toEqual([1_000]);
  endAll(book, flights, { answered: true, nowMs: 4_000 });
  expect(since(5_000)).toEqual([]);
  flights = beginIn(book, o, { count: 32, nowMs: 6_000 });
  expect(since(7_000)).toEqual([1_000]);
  endAll(book, flights, { answered: true, nowMs: 8_000 });
  expect(since(13_000)).toEqual([]);
  beginIn(book, o, { count: 100, nowMs: 14_000 });
  expect(since(14_000)).toEqual([14_000]);
});

it('is at most 50, those with requests in flight first', () => {
  const book = new LaneBook({ most: 40 });
  for (let n = 0; n < 60; n += 1) waitIn(book, originOnly(`waits ${n}`), 1);
  for (let n = 0; n < 2; n += 1) beginIn(book, originOnly(`hangs ${n}`), { count: 16 });
  book.choose(10, 3_000);
  book.heldBack(3_000);
  for (let n = 0; n < 2; n += 1) waitIn(book, originOnly(`hangs ${n}`), 1);
  const keys = book.heldBack(4_000).map(({ key }) => key);
  expect(keys).toHaveLength(50);
  expect(keys.slice(0, 3)).toEqual(['hangs 0', 'hangs 1', 'waits 0']);
});

const operation = fc.record({
  of: fc.constantFrom<LaneGroups>(
    { tenant: 't', origin: 'a' },
    { tenant: 't', origin: 'b' },
    originOnly('c'),
    originOnly('d'),
    originOnly('e'),
  ),
  what: fc.constantFrom('begin', 'wait', 'answered', 'failed'),
  count: fc.integer({ min: 1, max: 16 }),
  afterMs: fc.constantFrom(0, 100, 2_000, 61_000),
});

it('is exactly what a choice gives nothing to, whatever happened before', () => {
  let [given, refused] = [0, 0];
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 40 }), (operations) => {
      const book = new LaneBook({ most: 40 });
      const flights = new Map<LaneGroups, ReturnType<typeof beginIn>>();
      const waiting = new Map<string, LaneGroups>();
      let nowMs = 1_000;
      for (const { of: groups, what, count, afterMs } of operations) {
        nowMs += afterMs;
        const known = flights.get(groups) ?? [];
        flights.set(groups, known);
        if (what === 'begin') known.push(...beginIn(book, groups, { count, nowMs }));
        else if (what === 'wait') {
          waitIn(book, groups, count);
          waiting.set(groups.origin, groups);
        } else endAll(book, known.splice(0, count), { answered: what === 'answered', nowMs });
      }
      // As the loop does: what is held back is what the latest choice knew.
      book.choose(0, nowMs);
      const held = new Set(book.heldBack(nowMs).map(({ key }) => key));
      const isHeld = ({ tenant, origin }: LaneGroups) =>
        held.has(tenant ?? origin) || held.has(origin);
      const wishes = book.choose(1_000, nowMs);
      for (const { groups } of wishes) expect(isHeld(groups)).toBe(false);
      if (wishes.length === 0)
        for (const groups of waiting.values()) expect(isHeld(groups)).toBe(true);
      if (wishes.length > 0) given += 1;
      if (held.size > 0) refused += 1;
    }),
    // Of a hundred, as few as five had both.
    { numRuns: 500 },
  );
  expect(Math.min(given, refused)).toBeGreaterThan(5);
});
