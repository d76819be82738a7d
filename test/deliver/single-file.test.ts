import { expect, it } from 'vitest';
import { SingleFile } from '../../src/deliver/single-file.ts';

it('gives each a turn of the event loop of its own, in their order, and lets others in between', async () => {
  const file = new SingleFile();
  const done: string[] = [];
  const other = (count: number): void => {
    done.push('other');
    if (count > 1) setImmediate(other, count - 1);
  };
  setImmediate(other, 3);
  await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      await file.turn();
      done.push(name);
    }),
  );
  expect(done.filter((name) => name !== 'other')).toEqual(['a', 'b', 'c']);
  expect(done.indexOf('other')).toBeLessThan(done.indexOf('b'));
  expect(done.slice(done.indexOf('a'), done.indexOf('c'))).toContain('other');
});
