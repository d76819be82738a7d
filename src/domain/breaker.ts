// Pure: no I/O, no clock, no randomness.

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
} as const;

/** The result of one attempt, as seen by its lane. Lists of these are oldest first. */
export interface LaneResult {
  readonly lane: string;
  readonly url: string;
  readonly verdict: Verdict;
  /** The attempt, if it was sent as the probe of the lane. */
  readonly probe: ProbeAttempt | undefined;
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

/** What a batch of results means for the breaker of one lane. */
export interface LaneNews {
  readonly lane: string;
  /** An address of the lane, without its query. */
  readonly url: string;
  /** Failures since the last success, or since the first result. */
  readonly failures: number;
  readonly succeeded: boolean;
  readonly probeSucceeded: boolean;
  /** More than one only when a worker was frozen: it records its late probe together with a newer one. */
  readonly probes: readonly EndedProbe[];
  readonly error: string | null;
  /** How long the receiver asked us to wait, in seconds. */
  readonly pauseS: number | null;
}

/** Sums up the results, one row per lane. */
export function laneNews(results: readonly LaneResult[]): LaneNews[] {
  const byLane = new Map<string, LaneNews>();
  for (const result of results) {
    byLane.set(result.lane, add(byLane.get(result.lane) ?? nothing(result), result));
  }
  return [...byLane.values()];
}

/** Merges two batches: the result is the same as if the results of both had come in one batch. */
export function followedBy(first: LaneNews, second: LaneNews): LaneNews {
  const { failures, succeeded, probeSucceeded, probes, error, pauseS } = second;
  const pauses = [first.pauseS, pauseS].filter((each) => each !== null);
  return {
    ...first,
    failures: succeeded ? failures : first.failures + failures,
    succeeded: first.succeeded || succeeded,
    probeSucceeded: first.probeSucceeded || probeSucceeded,
    probes: [...first.probes, ...probes],
    error: succeeded ? error : (error ?? first.error),
    pauseS: pauses.length > 0 ? Math.max(...pauses) : null,
  };
}

/**
 * Whether the breaker of the lane closes. A success of the probe closes it even if an older request failed after it: an
 * open breaker listens only to its probe, and nothing else would end the probe.
 */
export function isAlive({ failures, succeeded, probeSucceeded }: LaneNews): boolean {
  return probeSucceeded || (succeeded && failures === 0);
}

function nothing({ lane, url }: LaneResult): LaneNews {
  return {
    lane,
    url: url.split('?', 1)[0] ?? url,
    failures: 0,
    succeeded: false,
    probeSucceeded: false,
    probes: [],
    error: null,
    pauseS: null,
  };
}

function add(news: LaneNews, { verdict, probe }: LaneResult): LaneNews {
  const pauseS = pauseOf(verdict) > 0 ? Math.max(news.pauseS ?? 0, pauseOf(verdict)) : news.pauseS;
  const ended = (failed: boolean) =>
    probe === undefined ? news.probes : [...news.probes, { ...probe, failed }];
  switch (signOf(verdict)) {
    case 'alive':
      return {
        ...news,
        failures: 0,
        succeeded: true,
        probeSucceeded: news.probeSucceeded || probe !== undefined,
        error: null,
      };
    case 'failing':
      return {
        ...news,
        failures: news.failures + 1,
        probes: ended(true),
        error: verdict.kind === 'delivered' ? null : verdict.reason,
        pauseS,
      };
    case 'throttled':
    case 'nothing':
      return { ...news, pauseS, probes: ended(false) };
  }
}

/** Failures of one webhook alone. Nothing was sent, so they say nothing about the endpoint. */
const unsent = new Set(['payload_gone', 'request_invalid']);

/**
 * Says what a verdict shows about the lane. An answer about the payload shows that the endpoint works. A 429 is not a
 * failure but a request to wait; without a time in it, the lane's slots react to it.
 */
function signOf(verdict: Verdict): 'alive' | 'throttled' | 'failing' | 'nothing' {
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
