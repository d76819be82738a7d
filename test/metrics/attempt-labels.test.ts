import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AttemptResult } from '../../src/domain/attempt-result.ts';
import { classify } from '../../src/domain/classify.ts';
import { decide } from '../../src/domain/decide.ts';
import { failureCodes } from '../../src/domain/failure-codes.ts';
import { allAttemptLabels, classOf, outcomeOf } from '../../src/metrics/attempt-labels.ts';

const known = new Set(allAttemptLabels.map((labels) => JSON.stringify(labels)));

const response = fc.integer({ min: 200, max: 999 }).map(
  (statusCode): AttemptResult => ({
    kind: 'response',
    statusCode,
    retryAfter: undefined,
    location: undefined,
    body: new Uint8Array(),
    truncated: false,
    contentEncoding: undefined,
    durationMs: 1,
    retriedConnection: false,
  }),
);
const error = fc.oneof(fc.constantFrom(...Object.keys(failureCodes)), fc.string()).map(
  (code): AttemptResult => ({
    kind: 'error',
    code,
    message: '',
    durationMs: 1,
    retriedConnection: false,
  }),
);

it('whatever ends an attempt has labels that were known beforehand', () => {
  fc.assert(
    fc.property(
      fc.oneof(response, error),
      fc.record({
        number: fc.integer({ min: 1, max: 9 }),
        uncounted: fc.constantFrom(0, 2_000),
        maxAttempts: fc.option(fc.integer({ min: 1, max: 100 })),
      }),
      (result, { number, uncounted, maxAttempts }) => {
        const verdict = classify(result, new Date(0));
        const decision = decide({
          verdict,
          number: number + uncounted,
          uncounted,
          pastAttempts: 0,
          maxAttempts,
          scheduleMs: [1, 2, 3],
          triedForMs: 0,
          random: 0.5,
        });
        const labels = {
          outcome: outcomeOf(decision),
          ...classOf(verdict.kind === 'delivered' ? undefined : verdict.reason),
        };
        expect(known).toContain(JSON.stringify(labels));
      },
    ),
    { numRuns: 2_000 },
  );
});

it('there are few of them, and none twice', () => {
  expect(known.size).toBe(allAttemptLabels.length);
  expect(known.size).toBeLessThan(100);
});

it.each([
  [undefined, 'none', '2xx'],
  ['http_404', 'http_4xx', '4xx'],
  ['http_429', 'http_429', '4xx'],
  ['http_503', 'http_5xx', '5xx'],
  ['http_999', 'http_other', 'other'],
  ['redirect', 'redirect', '3xx'],
  ['gone', 'gone', '4xx'],
  ['timeout', 'timeout', 'none'],
  ['never_heard_of', 'unclassified', 'none'],
])('the reason %s is in the class %s, %s', (reason, expected, statusClass) => {
  expect(classOf(reason)).toEqual({ reason: expected, status_class: statusClass });
});
