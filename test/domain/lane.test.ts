import { expect, it } from 'vitest';
import { isLane } from '../../src/domain/lane.ts';

it.each([
  '0',
  '1',
  '-1',
  '42',
  '1000000000000000000',
  '9223372036854775807',
  '-9223372036854775808',
])('%s is the number of a lane', (text) => {
  expect(isLane(text)).toBe(true);
});

it.each([
  '',
  '-',
  '-0',
  '+1',
  '01',
  '-01',
  '1.0',
  '1e3',
  '0x10',
  ' 1',
  '1 ',
  '1\n',
  '1,2',
  '1;drop',
  'NaN',
  '9223372036854775808',
  '-9223372036854775809',
  '10000000000000000000',
  '99999999999999999999',
  '１',
])('%j is none', (text) => {
  expect(isLane(text)).toBe(false);
});
