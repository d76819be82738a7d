import { expect, it } from 'vitest';
import { SilentLanes } from '../../src/domain/silent-lanes.ts';

// Which lanes get a breaker of their own although they gave no answer. Origin a has the lanes a1, a2, ….

const fails = false;
const answers = true;

function noted(...results: readonly (readonly [lane: string, answered: boolean])[]): SilentLanes {
  const silent = new SilentLanes();
  results.forEach(([lane, answered], nowMs) => {
    silent.note({ lane, origin: lane.charAt(0) }, { answered, nowMs });
  });
  return silent;
}

it('the only lane of an origin that fails, from its second failure on', () => {
  expect(noted(['a1', fails]).failingAloneSince('a1')).toBeUndefined();
  expect(noted(['a1', fails], ['a1', fails]).failingAloneSince('a1')).toEqual({
    ...{ failures: 2, sinceMs: 0 },
  });
  expect(noted(['a1', fails], ['b1', fails], ['a1', fails]).failingAloneSince('a1')).toEqual({
    ...{ failures: 2, sinceMs: 0 },
  });
});

it('none of an origin whose lanes all fail, however often', () => {
  const all = ['a1', 'a2', 'a3', 'a1', 'a2', 'a3', 'a1'].map((lane) => [lane, fails] as const);
  const silent = noted(...all);
  for (const lane of ['a1', 'a2', 'a3']) expect(silent.failingAloneSince(lane)).toBeUndefined();
});

it('one of several that fail, if the origin has answered since the first failure', () => {
  const before = noted(['a3', answers], ['a1', fails], ['a2', fails], ['a1', fails]);
  expect(before.failingAloneSince('a1')).toBeUndefined();
  const after = noted(['a1', fails], ['a2', fails], ['a3', answers], ['a2', fails], ['a1', fails]);
  expect(after.failingAloneSince('a1')).toEqual({ failures: 2, sinceMs: 0 });
  expect(after.failingAloneSince('a2')).toEqual({ failures: 2, sinceMs: 1 });
  expect(after.failingAloneSince('a3')).toBeUndefined();
});

it('not one that has answered', () => {
  const silent = noted(['a1', fails], ['a1', fails], ['a1', answers]);
  expect(silent.failingAloneSince('a1')).toBeUndefined();
  silent.note({ lane: 'a1', origin: 'a' }, { answered: fails, nowMs: 9 });
  expect(silent.failingAloneSince('a1')).toBeUndefined();
});

it('not one that goes to another origin since', () => {
  const silent = noted(['a1', fails], ['a1', fails]);
  silent.note({ lane: 'a1', origin: 'b' }, { answered: fails, nowMs: 9 });
  expect(silent.failingAloneSince('a1')).toBeUndefined();
});

it('the last ten thousand are remembered', () => {
  const silent = noted(['a1', fails], ['a1', fails], ['b1', fails], ['b1', fails]);
  const fill = (from: number, to: number) => {
    for (let n = from; n < to; n += 1)
      silent.note({ lane: `c${n}`, origin: 'c' }, { answered: fails, nowMs: 9 });
  };
  fill(0, 9_998);
  expect(silent.failingAloneSince('a1')).toBeDefined();
  fill(9_998, 9_999);
  expect(silent.failingAloneSince('a1')).toBeUndefined();
  expect(silent.failingAloneSince('b1')).toBeDefined();
});
