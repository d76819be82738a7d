import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Tally, type TallyRow } from '../../src/domain/tally.ts';

const well = { failed: false, nowMs: 0 };

function sumOf(rows: readonly TallyRow[], endpointId: string | null): [number, number] {
  return rows
    .filter((row) => row.endpointId === endpointId)
    .reduce(([attempts, failures], row) => [attempts + row.attempts, failures + row.failures], [
      0, 0,
    ] as [number, number]);
}

it('counts the attempts at an endpoint that never fails, and those before a first failure', () => {
  const tally = new Tally();
  tally.note('good', well);
  tally.note('shaky', well);
  tally.note('shaky', { failed: true, nowMs: 0 });
  tally.note(null, well);
  expect(tally.take(0)).toEqual([
    { endpointId: null, attempts: 4, failures: 1, isWatched: false },
    { endpointId: 'shaky', attempts: 2, failures: 1, isWatched: true },
    { endpointId: 'good', attempts: 1, failures: 0, isWatched: false },
  ]);
  expect(tally.take(0)).toEqual([]);
});

it('watches an endpoint for an hour after its last failure, with its successes', () => {
  const tally = new Tally();
  tally.note('a', { failed: true, nowMs: 0 });
  tally.take(0);
  tally.note('a', { failed: false, nowMs: 1 });
  expect(tally.take(3_599_999)).toContainEqual(expect.objectContaining({ isWatched: true }));
  tally.take(3_600_000);
  tally.note('a', { failed: false, nowMs: 3_600_001 });
  expect(tally.take(3_600_001)).not.toContainEqual(expect.objectContaining({ isWatched: true }));
});

it('writes few of very many endpoints at once, each within 20 turns, and what fails each time', () => {
  const tally = new Tally();
  const ids = Array.from({ length: 20_000 }, (_, n) => `endpoint ${n}`);
  for (const id of ids) tally.note(id, well);
  tally.note('endpoint 19999', { failed: true, nowMs: 0 });
  const first = tally.take(0);
  expect(first[1]).toMatchObject({ endpointId: 'endpoint 19999', attempts: 2, failures: 1 });
  const written = new Set(first.map(({ endpointId }) => endpointId));
  for (let turn = 1; turn < 100 && written.size <= ids.length; turn += 1) {
    // Those that were written are tried again all the time, and wait for their turn behind the others.
    for (const id of [...written].slice(0, 2_000)) tally.note(id, well);
    const rows = tally.take(0);
    expect(rows.length).toBeLessThan(1_202);
    for (const { endpointId } of rows) written.add(endpointId);
  }
  expect(written.size).toBe(ids.length + 1);
});

it.each([
  [199, 199],
  [200, 200],
  [201, 200],
  [4_000, 200],
  [4_001, 201],
  [5_000, 250],
])('of %i endpoints that wait %i are written at once', (waiting, written) => {
  const tally = new Tally();
  for (let n = 0; n < waiting; n += 1) tally.note(String(n), well);
  // And all attempts together.
  expect(tally.take(0)).toHaveLength(written + 1);
});

it('watches 200 endpoints that fail at most', () => {
  const tally = new Tally();
  for (let n = 0; n < 201; n += 1) tally.note(String(n), { failed: true, nowMs: 0 });
  tally.note('0', { failed: true, nowMs: 0 });
  const rows = tally.take(0);
  expect(rows.filter(({ isWatched }) => isWatched)).toHaveLength(200);
  expect(rows.at(-1)).toEqual({ endpointId: '200', attempts: 1, failures: 1, isWatched: false });
});

it('watches an endpoint from its last failure on, not from its first', () => {
  const tally = new Tally();
  tally.note('a', { failed: true, nowMs: 0 });
  tally.note('a', { failed: true, nowMs: 1_000_000 });
  tally.take(3_600_000);
  tally.note('a', { failed: false, nowMs: 3_600_001 });
  expect(tally.take(4_599_999)[1]).toMatchObject({ isWatched: true });
});

it('never keeps more than 100,000 endpoints in memory from one turn to the next', () => {
  const tally = new Tally();
  for (let n = 0; n < 150_000; n += 1) tally.note(String(n), well);
  expect(tally.take(0)).toHaveLength(50_001);
  expect(tally.take(0, { all: true })).toHaveLength(100_000);
});

it('loses nothing and counts nothing twice, whatever is tried, written, or given back', () => {
  const step = fc.oneof(
    fc.record({ id: fc.constantFrom(null, 'a', 'b', 'c'), failed: fc.boolean() }),
    fc.constantFrom('take' as const, 'cannot write' as const),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const tally = new Tally();
      const rows: TallyRow[] = [];
      const noted: { id: string | null; failed: boolean }[] = [];
      for (const one of steps) {
        if (one === 'take') rows.push(...tally.take(0));
        else if (one === 'cannot write') tally.give(tally.take(0));
        else {
          noted.push(one);
          tally.note(one.id, { failed: one.failed, nowMs: 0 });
        }
      }
      rows.push(...tally.take(0, { all: true }));
      for (const id of [null, 'a', 'b', 'c']) {
        const own = noted.filter((one) => id === null || one.id === id);
        expect(sumOf(rows, id)).toEqual([own.length, own.filter(({ failed }) => failed).length]);
      }
    }),
  );
});
