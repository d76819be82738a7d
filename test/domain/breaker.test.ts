import { expect, it } from 'vitest';
import { breakerNews, followedBy, isAlive, type LaneResult } from '../../src/domain/breaker.ts';
import type { Verdict } from '../../src/domain/classify.ts';

const probe = { webhookId: '0199c0de-0000-7000-8000-000000000001', number: 3 };
const delivered: Verdict = { kind: 'delivered' };
const failing: Verdict = {
  kind: 'retry',
  reason: 'http_503',
  notBeforeMs: undefined,
  pressure: 'overload',
};
const throttled: Verdict = {
  kind: 'retry',
  reason: 'http_429',
  notBeforeMs: 60_000,
  pressure: 'overload',
};
const ours: Verdict = { kind: 'repeat', reason: 'out_of_ports' };

function newsOf(...results: readonly (readonly [Verdict, LaneResult['probe']?])[]) {
  const [news, ...others] = breakerNews(
    results.map(([verdict, of]) => ({
      ...{ lane: '1', origin: '2', url: 'http://a.example/', verdict, probe: of },
      answered: verdict === ours ? undefined : true,
    })),
  );
  if (news === undefined || others.length > 1) throw new Error('not one lane and its origin');
  return news;
}

it.each([
  ['our own trouble', ours, false],
  ['a wish for a pause', throttled, false],
  ['a failure', failing, true],
] as const)(
  'a probe that ended with %s is told of, whatever came after it in the same batch',
  (_, verdict, failed) => {
    for (const after of [throttled, failing, ours, delivered]) {
      expect(newsOf([verdict, probe], [after]).probes).toEqual([{ ...probe, failed }]);
      expect(newsOf([after], [verdict, probe]).probes).toEqual([{ ...probe, failed }]);
    }
  },
);

it('a success of the probe closes the breaker even if an older request failed after it', () => {
  expect(isAlive(newsOf([delivered, probe], [failing]))).toBe(true);
  expect(isAlive(newsOf([delivered], [failing]))).toBe(false);
  expect(isAlive(newsOf([failing], [delivered]))).toBe(true);
});

it('what is counted later says the same as if it had come in one batch', () => {
  const each = [
    [delivered],
    [failing],
    [throttled],
    [ours],
    [delivered, probe],
    [failing, probe],
  ] as const;
  const batches = each.flatMap((one) => [[one], ...each.map((other) => [one, other])]);
  for (const first of batches) {
    for (const second of batches) {
      expect(followedBy(newsOf(...first), newsOf(...second))).toEqual(newsOf(...first, ...second));
    }
  }
});

it.each(['payload_gone', 'request_invalid'])(
  '%s says nothing about the lane, as nothing was sent',
  (reason) => {
    const news = newsOf([{ kind: 'fail', reason, pressure: 'neutral' }, probe]);
    expect(isAlive(news)).toBe(false);
    expect(news).toMatchObject({ failures: 0, probes: [{ ...probe, failed: false }] });
  },
);

it('an answer that concerns the payload alone shows that the endpoint lives', () => {
  expect(isAlive(newsOf([{ kind: 'fail', reason: 'http_422', pressure: 'neutral' }, probe]))).toBe(
    true,
  );
});
