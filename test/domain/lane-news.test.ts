import { describe, expect, it } from 'vitest';
import type { AttemptResult } from '../../src/domain/attempt-result.ts';
import {
  type BreakerNews,
  breakerNews,
  breakerRules,
  followedBy,
  hasAnswered,
  isAlive,
} from '../../src/domain/breaker.ts';
import { classify } from '../../src/domain/classify.ts';

// What answers of a receiver say about its lane. The numbers are literals: a threshold that changes has to change here too.

const now = new Date('2026-11-24T12:00:00Z');

function answered(statusCode: number, retryAfter?: string): AttemptResult {
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

/** As the lane and the origin see the result. */
function resultOf(
  result: AttemptResult,
  { lane = '7', url = 'https://a.example/hook?token=secret' } = {},
) {
  const verdict = classify(result, now);
  return {
    lane,
    origin: '70',
    url,
    verdict,
    answered: hasAnswered(result, verdict),
    probe: undefined,
  };
}

function newsOf(...results: readonly AttemptResult[]): BreakerNews {
  const [news] = breakerNews(results.map((result) => resultOf(result)));
  if (news === undefined) throw new Error('nothing is said');
  return news;
}

const silent = {
  key: '7',
  url: 'https://a.example/hook',
  isOrigin: false,
  failures: 0,
  hasRefused: false,
  onlyLane: null,
  succeeded: false,
  probeSucceeded: false,
  probes: [],
  error: null,
  pauseS: null,
};

it('a breaker opens after 5 failures over 10 s, for 30 s at first and 15 minutes at most', () => {
  expect(breakerRules).toEqual({
    failures: 5,
    overS: 10,
    openS: 30,
    maxOpenS: 900,
    mostLanes: 100,
  });
});

describe('one answer', () => {
  it.each([
    ['200', answered(200)],
    ['204', answered(204)],
    ['422, which concerns the payload alone', answered(422)],
    ['400', answered(400)],
    ['410', answered(410)],
    ['425', answered(425)],
    ['429 without a time', answered(429)],
    ['429 with a time of 0', answered(429, '0')],
    ['429 with a time that has passed', answered(429, 'Tue, 24 Nov 2026 11:59:59 GMT')],
  ])('%s shows that the lane lives', (_what, result) => {
    expect(newsOf(result)).toEqual({ ...silent, succeeded: true });
    expect(isAlive(newsOf(result))).toBe(true);
  });

  it.each([
    ['http_500', answered(500)],
    ['http_503', answered(503)],
    ['http_408', answered(408)],
    ['http_404', answered(404)],
    ['http_401', answered(401)],
    ['redirect', answered(302)],
    ['connection_refused', error('connection_refused')],
    ['timeout', error('timeout')],
    ['dns_not_found', error('dns_not_found')],
  ])('%s is a failure of the lane', (reason, result) => {
    const hasRefused = result.kind === 'response';
    expect(newsOf(result)).toEqual({ ...silent, failures: 1, hasRefused, error: reason });
    expect(isAlive(newsOf(result))).toBe(false);
  });

  it('429 with a time asks for a pause and is no failure', () => {
    expect(newsOf(answered(429, '60'))).toEqual({ ...silent, pauseS: 60 });
    expect(isAlive(newsOf(answered(429, '60')))).toBe(false);
    expect(newsOf(answered(429, '1'))).toEqual({ ...silent, pauseS: 1 });
  });

  it('503 with a time asks for a pause and is a failure', () => {
    const news = { ...silent, failures: 1, hasRefused: true, error: 'http_503', pauseS: 30 };
    expect(newsOf(answered(503, '30'))).toEqual(news);
  });

  it('that a key is missing says nothing about the lane, and leaves it alone for five minutes', () => {
    expect(newsOf(error('encryption_key_missing'))).toEqual({ ...silent, pauseS: 300 });
    expect(newsOf(error('aborted'))).toEqual(silent);
    expect(newsOf(error('payload_gone'))).toEqual(silent);
    expect(newsOf(error('request_invalid'))).toEqual(silent);
  });
});

describe('several answers', () => {
  it('add their failures up, and the last of them has the word', () => {
    const news = newsOf(answered(500), answered(502), error('timeout'));
    expect(news).toEqual({ ...silent, failures: 3, hasRefused: true, error: 'timeout' });
  });

  it('count from the last success on', () => {
    const news = newsOf(answered(500), answered(500), answered(200), answered(503));
    const refused = { failures: 1, hasRefused: true, error: 'http_503' };
    expect(news).toEqual({ ...silent, ...refused, succeeded: true });
    expect(newsOf(answered(500), answered(200))).toEqual({ ...silent, succeeded: true });
  });

  it('ask for the longest of their pauses', () => {
    const pauses = ['30', '90', '60'].map((time) => answered(429, time));
    expect(newsOf(...pauses).pauseS).toBe(90);
    expect(newsOf(...pauses, answered(200)).pauseS).toBe(90);
  });

  it('of several lanes are kept apart', () => {
    const results = ['9', '1', '9'].map((lane, at) =>
      resultOf(answered(at === 2 ? 200 : 500), { lane, url: `https://a.example/${lane}` }),
    );
    const refused = { failures: 1, hasRefused: true, error: 'http_500' };
    expect(breakerNews(results).filter(({ isOrigin }) => !isOrigin)).toEqual([
      { ...silent, key: '9', url: 'https://a.example/9', succeeded: true },
      { ...silent, key: '1', url: 'https://a.example/1', ...refused },
    ]);
    expect(breakerNews([])).toEqual([]);
  });
});

describe('an origin', () => {
  const url = 'https://a.example:8443/hook?token=secret';
  /** Of lanes by name. */
  const originOf = (...results: readonly (readonly [lane: string, AttemptResult])[]) =>
    breakerNews(results.map(([lane, result]) => resultOf(result, { lane, url }))).find(
      ({ isOrigin }) => isOrigin,
    );
  const origin = { ...silent, key: '70', url: 'https://a.example:8443', isOrigin: true };

  it.each([200, 500, 503, 404, 429, 410, 302])('is alive with an answer %i', (statusCode) => {
    const news = originOf(['1', answered(statusCode, '60')]);
    expect(news).toEqual({ ...origin, succeeded: true });
  });

  it.each(['connection_refused', 'connection_reset', 'timeout', 'dns_failed', 'tls_handshake'])(
    'fails with %s',
    (code) => {
      const news = originOf(['1', error(code)]);
      expect(news).toEqual({ ...origin, failures: 1, onlyLane: '1', error: code });
    },
  );

  it.each(['out_of_ports', 'encryption_key_missing', 'url_invalid', 'request_invalid'])(
    'is not blamed for %s',
    (code) => {
      expect(originOf(['1', error(code)])).toEqual(origin);
    },
  );

  it('knows whether one lane fails or several, since it last answered', () => {
    const [one, two] = [['1', error('timeout')] as const, ['2', error('timeout')] as const];
    const answer = ['3', answered(500)] as const;
    const failing = { ...origin, error: 'timeout' };
    expect(originOf(one, one)).toEqual({ ...failing, failures: 2, onlyLane: '1' });
    expect(originOf(one, two)).toEqual({ ...failing, failures: 2 });
    expect(originOf(one, two, one)).toEqual({ ...failing, failures: 3 });
    expect(originOf(one, answer, two)).toEqual({
      ...{ ...failing, failures: 1, onlyLane: '2', succeeded: true },
    });
    expect(originOf(one, answer)).toEqual({ ...origin, succeeded: true });
  });

  it('that was put off says the same as in one batch', () => {
    const each = [
      ['1', error('timeout')],
      ['2', error('timeout')],
      ['1', answered(500)],
      ['2', error('out_of_ports')],
    ] as const;
    const batches = each.flatMap((one) => each.map((other) => [one, other] as const));
    for (const first of batches) {
      for (const second of batches) {
        const [before, after] = [originOf(...first), originOf(...second)];
        if (before === undefined || after === undefined) throw new Error('nothing is said');
        expect(followedBy(before, after)).toEqual(originOf(...first, ...second));
      }
    }
  });
});

describe('what was put off', () => {
  it('is added to what came later, and forgotten with a success', () => {
    const failing = newsOf(answered(500), answered(503, '30'));
    expect(followedBy(failing, newsOf(answered(429, '60')))).toEqual({
      ...silent,
      failures: 2,
      hasRefused: true,
      error: 'http_503',
      pauseS: 60,
    });
    expect(followedBy(failing, newsOf(error('timeout')))).toEqual({
      ...silent,
      failures: 3,
      hasRefused: true,
      error: 'timeout',
      pauseS: 30,
    });
    expect(followedBy(failing, newsOf(answered(200)))).toEqual({
      ...silent,
      succeeded: true,
      pauseS: 30,
    });
  });
});
