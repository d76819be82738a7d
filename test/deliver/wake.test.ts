import { expect, it } from 'vitest';
import { PutOff } from '../../src/deliver/put-off.ts';
import { Wake } from '../../src/deliver/wake.ts';
import { eventually } from '../support/eventually.ts';

const long = 600_000;

it('a call that comes while nobody waits is answered by the next wait, once', async () => {
  const wake = new Wake();
  wake.call();
  wake.call();
  expect(await wake.wait(long)).toBe(true);
  expect(await wake.wait(1)).toBe(false);
});

it('a call ends the wait, and is not heard again', async () => {
  const wake = new Wake();
  const waited = wake.wait(long);
  wake.call();
  wake.call();
  expect(await waited).toBe(true);
  expect(await wake.wait(1)).toBe(false);
});

it('a call after a wait that ended by time is not lost', async () => {
  const wake = new Wake();
  expect(await wake.wait(1)).toBe(false);
  wake.call();
  expect(await wake.wait(long)).toBe(true);
});

it('what is put off is tried again until it is taken out', async () => {
  const runs: [string, number][][] = [];
  const putOff = new PutOff<string, number>(async (items) => {
    runs.push([...items]);
    await new Promise(setImmediate);
    if (runs.length === 1) throw new Error('it is still locked');
    if (runs.length === 2) putOff.delete('a');
    if (runs.length === 3) putOff.delete('b');
  });
  putOff.set('a', 1);
  putOff.set('b', 2);
  putOff.set('b', 3);
  expect([putOff.size, putOff.items, putOff.get('b'), putOff.get('c')]).toEqual([
    2,
    [1, 3],
    3,
    undefined,
  ]);
  await eventually(async () => putOff.size === 0, 'all are dealt with');
  expect(runs).toEqual([
    [
      ['a', 1],
      ['b', 3],
    ],
    [
      ['a', 1],
      ['b', 3],
    ],
    [['b', 3]],
  ]);
  putOff.set('c', 4);
  await eventually(async () => runs.length === 4, 'the next one is tried too');
  putOff.delete('c');
});
