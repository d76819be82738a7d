import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxRetryAfterMs, retryAfterMs } from '../../src/domain/retry-after.ts';

const now = new Date('2026-11-24T12:00:00Z');

test.each([
  ['0', 0],
  ['1', 1_000],
  ['120', 120_000],
  ['86399', 86_399_000],
  ['86400', 86_400_000],
  ['86401', 86_400_000],
  ['9'.repeat(400), maxRetryAfterMs],
  ['Tue, 24 Nov 2026 12:00:01 GMT', 1_000],
  ['Tue, 24 Nov 2026 11:59:59 GMT', 0],
  ['Wed, 24 Nov 2027 12:00:00 GMT', maxRetryAfterMs],
])('%s asks for %i ms', (value, ms) => {
  expect(retryAfterMs(value, now)).toBe(ms);
});

test.each([
  undefined,
  '',
  '-1',
  '1.5',
  '1e3',
  '0x10',
  ' 5',
  'soon',
  'Invalid Date',
  '2026-11-24T12:00:01Z',
  'Mon, 24 Nov 2026 12:00:01 GMT',
  'Tue, 24 Nov 2026 12:00:01 CET',
  'Tuesday, 24-Nov-26 12:00:01 GMT',
  'Sun, 31 Feb 2027 12:00:00 GMT',
])('%s asks for nothing', (value) => {
  expect(retryAfterMs(value, now)).toBeUndefined();
});

test('whatever a receiver sends, the wait is none or between 0 and 24 h', () => {
  const dates = fc.date({ noInvalidDate: true }).map((date) => date.toUTCString());
  fc.assert(
    fc.property(fc.oneof(fc.string(), dates, fc.nat().map(String)), (value) => {
      const ms = retryAfterMs(value, now) ?? 0;
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(maxRetryAfterMs);
    }),
  );
});
