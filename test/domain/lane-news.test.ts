import { describe, expect, it } from 'vitest';
import type { AttemptResult } from '../../src/domain/attempt-result.ts';
import {
  breakerRules,
  followedBy,
  isAlive,
  type LaneNews,
  laneNews,
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

function newsOf(...results: readonly AttemptResult[]): LaneNews {
  const [news] = laneNews(
    results.map((result) => ({
      lane: '7',
      url: 'https://a.example/hook?token=secret',
      verdict: classify(result, now),
      probe: undefined,
    })),
  );
  if (news === undefined) throw new Error('nothing is said');
  return news;
}

const silent = {
  lane: '7',
  url: 'https://a.example/hook',
  failures: 0,
  succeeded: false,
  probeSucceeded: false,
  probes: [],
  error: null,
  pauseS: null,
};

it('a breaker opens after 5 failures over 10 s, for 30 s at first and 15 minutes at most', () => {
  expect(breakerRules).toEqual({ failures: 5, overS: 10, openS: 30, maxOpenS: 900 });
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
    expect(newsOf(result)).toEqual({ ...silent, failures: 1, error: reason });
    expect(isAlive(newsOf(result))).toBe(false);
  });

  it('429 with a time asks for a pause and is no failure', () => {
    expect(newsOf(answered(429, '60'))).toEqual({ ...silent, pauseS: 60 });
    expect(isAlive(newsOf(answered(429, '60')))).toBe(false);
    expect(newsOf(answered(429, '1'))).toEqual({ ...silent, pauseS: 1 });
  });

  it('503 with a time asks for a pause and is a failure', () => {
    const news = { ...silent, failures: 1, error: 'http_503', pauseS: 30 };
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
    expect(news).toEqual({ ...silent, failures: 3, error: 'timeout' });
  });

  it('count from the last success on', () => {
    const news = newsOf(answered(500), answered(500), answered(200), answered(503));
    expect(news).toEqual({ ...silent, failures: 1, succeeded: true, error: 'http_503' });
    expect(newsOf(answered(500), answered(200))).toEqual({ ...silent, succeeded: true });
  });

  it('ask for the longest of their pauses', () => {
    const pauses = ['30', '90', '60'].map((time) => answered(429, time));
    expect(newsOf(...pauses).pauseS).toBe(90);
    expect(newsOf(...pauses, answered(200)).pauseS).toBe(90);
  });

  it('of several lanes are kept apart', () => {
    const results = ['9', '1', '9'].map((lane, at) => ({
      lane,
      url: `https://${lane}.example/`,
      verdict: classify(answered(at === 2 ? 200 : 500), now),
      probe: undefined,
    }));
    expect(laneNews(results)).toEqual([
      { ...silent, lane: '9', url: 'https://9.example/', succeeded: true },
      { ...silent, lane: '1', url: 'https://1.example/', failures: 1, error: 'http_500' },
    ]);
    expect(laneNews([])).toEqual([]);
  });
});

describe('what was put off', () => {
  it('is added to what came later, and forgotten with a success', () => {
    const failing = newsOf(answered(500), answered(503, '30'));
    expect(followedBy(failing, newsOf(answered(429, '60')))).toEqual({
      ...silent,
      failures: 2,
      error: 'http_503',
      pauseS: 60,
    });
    expect(followedBy(failing, newsOf(error('timeout')))).toEqual({
      ...silent,
      failures: 3,
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
