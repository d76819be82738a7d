// Pure: no I/O, no clock, no randomness.

import type { AttemptResult } from './attempt-result.ts';
import type { Verdict } from './classify.ts';

/**
 * When a breaker opens, and for how long. It counts consecutive failures, not rates, because a lane that answers now
 * and then is worth sending to.
 */
export const breakerRules = {
  /** This many failures in a row … */
  failures: 5,
  /** … spread over at least this long: one blip with 50 requests in flight opens nothing. */
  overS: 10,
  /** The first open interval; each failed probe doubles it. */
  openS: 30,
  maxOpenS: 900,
  /** So many lanes of an origin have rows to count in, besides registered endpoints. */
  mostLanes: 100,
} as const;

/** The result of one attempt, as seen by its lane. Lists of these are oldest first. */
export interface LaneResult {
  readonly lane: string;
  readonly origin: string;
  readonly url: string;
  readonly verdict: Verdict;
  /** Whether the receiver answered, whatever the answer was. Undefined: the result says nothing about the receiver. */
  readonly answered: boolean | undefined;
  /** The attempt, if it was sent as the probe of the lane or of its origin. */
  readonly probe: ProbeAttempt | undefined;
}

/** Whether a receiver answered; undefined if nothing was sent, or the trouble was ours. */
export function hasAnswered(result: AttemptResult, verdict: Verdict): boolean | undefined {
  if (result.kind === 'response') return true;
  return verdict.kind === 'retry' ? false : undefined;
}

/** Identifies the attempt of a probe. A breaker uses this to recognise the probe that it waits for. */
export interface ProbeAttempt {
  readonly webhookId: string;
  readonly number: number;
}

/** A probe that ended without a success. If it did not fail either, it told nothing about the lane. */
export interface EndedProbe extends ProbeAttempt {
  readonly failed: boolean;
}

/** What a batch of results means for the breaker of one lane or one origin. An answer is a success of the origin. */
export interface BreakerNews {
  /** Of the lane, or of the origin. */
  readonly key: string;
  readonly isOrigin: boolean;
  /** An address of the lane, without its query; or scheme, host and port of the origin. */
  readonly url: string;
  /** Failures since the last success, or since the first result. */
  readonly failures: number;
  /** One of the failures was an answer. */
  readonly hasRefused: boolean;
  /** Of an origin: the only lane that failed since the last success. Null: several did, or it is a lane. */
  readonly onlyLane: string | null;
  readonly succeeded: boolean;
  readonly probeSucceeded: boolean;
  /** More than one only when a worker was frozen: it records its late probe together with a newer one. */
  readonly probes: readonly EndedProbe[];
  readonly error: string | null;
  /** How long the receiver asked us to wait, in seconds. */
  readonly pauseS: number | null;
}

/** Sums up the results, one row per lane and per origin. */
export function breakerNews(results: readonly LaneResult[]): BreakerNews[] {
  const byKey = new Map<string, BreakerNews>();
  for (const sign of results.flatMap((result) => [ofLane(result), ofOrigin(result)])) {
    byKey.set(sign.key, add(byKey.get(sign.key) ?? nothing(sign), sign));
  }
  return [...byKey.values()];
}

/** Merges two batches: the result is the same as if the results of both had come in one batch. */
export function followedBy(first: BreakerNews, second: BreakerNews): BreakerNews {
  const { failures, succeeded, probeSucceeded, probes, error, pauseS } = second;
  const pauses = [first.pauseS, pauseS].filter((each) => each !== null);
  return {
    ...first,
    failures: succeeded ? failures : first.failures + failures,
    hasRefused: second.hasRefused || (!succeeded && first.hasRefused),
    onlyLane: succeeded ? second.onlyLane : onlyOf(first, second),
    succeeded: first.succeeded || succeeded,
    probeSucceeded: first.probeSucceeded || probeSucceeded,
    probes: [...first.probes, ...probes],
    error: succeeded ? error : (error ?? first.error),
    pauseS: pauses.length > 0 ? Math.max(...pauses) : null,
  };
}

/**
 * Whether the breaker closes. A success of the probe closes it even if an older request failed after it: an open breaker
 * listens only to its probe, and nothing else would end the probe.
 */
export function isAlive({ failures, succeeded, probeSucceeded }: BreakerNews): boolean {
  return probeSucceeded || (succeeded && failures === 0);
}

/** A result as its lane or its origin sees it. */
interface Sign {
  readonly key: string;
  readonly url: string;
  readonly shows: 'alive' | 'throttled' | 'failing' | 'nothing';
  readonly reason: string | null;
  readonly pauseS: number;
  readonly hasAnswered: boolean;
  /** Null: it is of the lane. */
  readonly failedLane: string | null;
  readonly probe: ProbeAttempt | undefined;
}

function ofLane({ lane, url, verdict, answered, probe }: LaneResult): Sign {
  return {
    ...{ key: lane, url: url.split('?', 1)[0] ?? url, probe, failedLane: null },
    shows: signOf(verdict),
    reason: verdict.kind === 'delivered' ? null : verdict.reason,
    pauseS: pauseOf(verdict),
    hasAnswered: answered === true,
  };
}

function ofOrigin(result: LaneResult): Sign {
  const { lane, origin, url, verdict, answered, probe } = result;
  const shows = answered === undefined ? 'nothing' : answered ? 'alive' : 'failing';
  return {
    ...{ key: origin, url: originUrl(url), probe, failedLane: lane, shows },
    reason: verdict.kind === 'delivered' ? null : verdict.reason,
    pauseS: 0,
    hasAnswered: answered === true,
  };
}

/** Scheme, host and port, as they are in the URL. */
function originUrl(url: string): string {
  return /^[^/]*\/\/[^/?]*/.exec(url)?.[0] ?? url;
}

function nothing({ key, url, failedLane }: Sign): BreakerNews {
  return {
    ...{ key, url, isOrigin: failedLane !== null, failures: 0, hasRefused: false, onlyLane: null },
    ...{ succeeded: false, probeSucceeded: false, probes: [], error: null, pauseS: null },
  };
}

function add(news: BreakerNews, sign: Sign): BreakerNews {
  const { shows, reason, probe } = sign;
  const pauseS = sign.pauseS > 0 ? Math.max(news.pauseS ?? 0, sign.pauseS) : news.pauseS;
  const ended = (failed: boolean) =>
    probe === undefined ? news.probes : [...news.probes, { ...probe, failed }];
  switch (shows) {
    case 'alive':
      return {
        ...news,
        ...{ failures: 0, hasRefused: false, onlyLane: null, succeeded: true, error: null },
        probeSucceeded: news.probeSucceeded || probe !== undefined,
      };
    case 'failing':
      return {
        ...news,
        failures: news.failures + 1,
        hasRefused: news.hasRefused || sign.hasAnswered,
        onlyLane: onlyOf(news, { failures: 1, onlyLane: sign.failedLane }),
        probes: ended(true),
        error: reason,
        pauseS,
      };
    case 'throttled':
    case 'nothing':
      return { ...news, pauseS, probes: ended(false) };
    default:
      return shows satisfies never;
  }
}

type Failed = Pick<BreakerNews, 'failures' | 'onlyLane'>;

/** The only lane that failed in either. */
function onlyOf(first: Failed, second: Failed): string | null {
  if (first.failures === 0) return second.onlyLane;
  if (second.failures === 0) return first.onlyLane;
  return first.onlyLane === second.onlyLane ? first.onlyLane : null;
}

/** Failures of one webhook alone. Nothing was sent, so they say nothing about the endpoint. */
const unsent = new Set(['payload_gone', 'request_invalid']);

/**
 * Says what a verdict shows about the lane. An answer about the payload shows that the endpoint works. A 429 is not a
 * failure but a request to wait; without a time in it, the lane's slots react to it.
 */
function signOf(verdict: Verdict): Sign['shows'] {
  if (verdict.kind === 'delivered') return 'alive';
  if (verdict.kind === 'repeat') return 'nothing';
  if (verdict.kind === 'fail' && unsent.has(verdict.reason)) return 'nothing';
  if (verdict.reason === 'http_429') return pauseOf(verdict) > 0 ? 'throttled' : 'alive';
  return verdict.pressure === 'neutral' ? 'alive' : 'failing';
}

function pauseOf(verdict: Verdict): number {
  if (verdict.kind === 'repeat') return (verdict.pauseMs ?? 0) / 1_000;
  return verdict.kind === 'retry' ? (verdict.notBeforeMs ?? 0) / 1_000 : 0;
}
