import { expect, it } from 'vitest';
import { joinKeyRings, type KeyRing, parseKeyRing } from '../../src/domain/key-ring.ts';

const one = Buffer.alloc(32, 1).toString('base64');
const two = Buffer.alloc(32, 2).toString('base64');

function ring(text: string): KeyRing {
  const parsed = parseKeyRing(text);
  if (!parsed.ok) throw new Error(parsed.rule);
  return parsed.ring;
}

it('the first key is the current one, and blanks around keys do not matter', () => {
  const { currentId, keys } = ring(` k2:${two} , k1:${one.replace('=', '')}`);
  expect(currentId).toBe('k2');
  expect([...keys.keys()]).toEqual(['k2', 'k1']);
  expect(keys.get('k1')?.export().toString('base64')).toBe(one);
});

it('a ring that is joined to another keeps its current key and its own keys', () => {
  const joined = joinKeyRings(ring(`k:${one}`), ring(`k:${two},other:${two}`));
  expect(joined?.currentId).toBe('k');
  expect(joined?.keys.get('k')?.export()).toEqual(Buffer.alloc(32, 1));
  expect(joined?.keys.has('other')).toBe(true);
});

const long = Buffer.alloc(33, 3).toString('base64');

it.each([
  [one, 'key 1 is not'],
  [`k1:${one},${two}`, 'key 2 is not'],
  [`k1:${one},`, 'key 2 is not'],
  [`k 1:${one}`, 'key 1 is not'],
  [`${'k'.repeat(33)}:${one}`, 'key 1 is not'],
  [`k1:${one},k1:${two}`, '"k1" appears twice'],
  [`k1:${long}`, 'the key of "k1" is not'],
  [`k1:${one.slice(4)}`, 'the key of "k1" is not'],
  [`k1:${one.replace('A', '!')}`, 'the key of "k1" is not'],
  [`k1:${one.replaceAll('A', '-')}`, 'the key of "k1" is not'],
  [Array.from({ length: 21 }, (_, at) => `k${at}:${one}`).join(','), 'at most 20 keys'],
])('a ring that cannot be used is refused by its rule, and no key is repeated: %s', (text, why) => {
  const parsed = parseKeyRing(text);
  if (parsed.ok) throw new Error('it was taken');
  expect(parsed.rule).toContain(why);
  for (const part of text.split(/[,:]/).filter((each) => each.length > 33)) {
    expect(parsed.rule).not.toContain(part.slice(0, 12));
  }
});
