import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AttemptResult } from '../../src/domain/attempt-result.ts';
import { classify } from '../../src/domain/classify.ts';
import { failureCodes } from '../../src/domain/failure-codes.ts';

const now = new Date('2026-11-24T12:00:00Z');

test.each([
  ['2xx', [200, 201, 202, 204, 226, 299], { kind: 'delivered' }],
  [
    '3xx',
    [300, 301, 302, 304, 307, 308],
    { kind: 'retry', reason: 'redirect', pressure: 'broken' },
  ],
  [
    'payload errors',
    [400, 409, 411, 413, 415, 422, 431, 451, 499],
    { kind: 'fail', pressure: 'neutral' },
  ],
  ['configuration errors', [401, 403, 404, 405, 406, 407], { kind: 'fail', pressure: 'broken' }],
  ['410', [410], { kind: 'fail', reason: 'gone', pressure: 'neutral' }],
  [
    'overload',
    [408, 429, 500, 502, 503, 504, 520, 599, 600, 999],
    { kind: 'retry', pressure: 'overload' },
  ],
  ['425', [425], { kind: 'retry', reason: 'http_425', pressure: 'neutral' }],
  ['below 200', [0, 100, 199], { kind: 'retry', pressure: 'broken' }],
])('%s', (_name, statuses, verdict) => {
  for (const status of statuses) {
    expect(classify(response(status), now), String(status)).toMatchObject(verdict);
  }
});

test.each([
  [429, '60', 60_000],
  [503, 'Tue, 24 Nov 2026 12:01:00 GMT', 60_000],
  [429, '999999999', 86_400_000],
  [429, '-5', undefined],
  [429, undefined, undefined],
  [500, '60', undefined],
  [301, '60', undefined],
])('%i with Retry-After %s: not before %s ms', (status, retryAfter, notBeforeMs) => {
  expect(classify(response(status, retryAfter), now)).toMatchObject({ kind: 'retry', notBeforeMs });
});

test('a failure code decides as the table says', () => {
  for (const [code, { verdict, pressure }] of Object.entries(failureCodes)) {
    const expected = verdict === 'repeat' ? {} : { pressure };
    expect(classify(error(code), now)).toMatchObject({ kind: verdict, reason: code, ...expected });
  }
});

test('a code that is not in the table is retried, under its own name', () => {
  expect(classify(error('toString'), now)).toMatchObject({ kind: 'retry', reason: 'toString' });
});

test.each([
  [199, 'http_199'],
  [300, 'redirect'],
  [399, 'redirect'],
  [400, 'http_400'],
  [409, 'http_409'],
  [410, 'gone'],
  [411, 'http_411'],
  [500, 'http_500'],
])('the reason of %i is %s', (status, reason) => {
  expect(classify(response(status), now)).toMatchObject({ reason });
});

test('a missing key is waited for, five minutes at a time', () => {
  expect(classify(error('secret_unreadable'), now)).toEqual({
    kind: 'repeat',
    reason: 'secret_unreadable',
    pauseMs: 300_000,
  });
});

test('every status and header has a verdict', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999 }), fc.option(fc.string()), (status, header) => {
      const { kind } = classify(response(status, header ?? undefined), now);
      expect(kind === 'delivered').toBe(status >= 200 && status <= 299);
      expect(kind).not.toBe('repeat');
    }),
  );
});

function response(statusCode: number, retryAfter?: string): AttemptResult {
  return {
    kind: 'response',
    statusCode,
    retryAfter,
    location: undefined,
    body: new Uint8Array(),
    truncated: false,
    contentEncoding: undefined,
    durationMs: 1,
    retriedConnection: false,
  };
}

function error(code: string): AttemptResult {
  return { kind: 'error', code, message: '', durationMs: 1, retriedConnection: false };
}
