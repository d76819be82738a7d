import { expect, it } from 'vitest';
import { nearest } from '../../src/domain/nearest.ts';

it.each([
  ['statu', 'status'],
  ['limt', 'limit'],
  ['POSTHORN_TIMOUT', 'POSTHORN_TIMEOUT'],
  ['status', 'status'],
  ['dance', undefined],
  ['', undefined],
])('of a mistyped "%s" is %s', (word, found) => {
  const known = ['start', 'status', 'limit', 'list', 'POSTHORN_TIMEOUT', 'POSTHORN_RETENTION'];
  expect(nearest(word, known)).toBe(found);
});
