// Pure: no I/O, no clock, no randomness.

import type { Verdict } from './classify.ts';

/** When a breaker opens, and for how long. Consecutive failures, not rates: a lane that answers now and then is worth sending to. */
export const breakerRules = {
  /** Failures in a row … */
  failures: 5,
  /** … spread over at least this long: one blip with 50 requests in flight opens nothing. */
  overS: 10,
  /** The first open interval; each failed probe doubles it. */
  openS: 30,
  mostOpenS: 900,
} as const;

/** What an attempt says about its lane, oldest first. */
export interface LaneResult {
  readonly lane: string;
  readonly url: string;
  readonly verdict: Verdict;
  readonly isProbe: boolean;
}

/** What a batch of results means for the breaker of one lane. */
export interface LaneNews {
  readonly lane: string;
  /** An address of the lane, without its query. */
  readonly url: string;
  /** Failures since the last success, or since the first result. */
  readonly failures: number;
  readonly succeeded: boolean;
  readonly probeFailed: boolean;
  /** The probe ended without saying anything about the lane. */
  readonly probeReleased: boolean;
  readonly error: string | null;
  /** Seconds for which the receiver asks to be left alone. */
  readonly pauseS: number | null;
}

/** Sums results up, a row per lane. */
export function laneNews(results: readonly LaneResult[]): LaneNews[] {
  const byLane = new Map<string, LaneNews>();
  for (const result of results) {
    byLane.set(result.lane, add(byLane.get(result.lane) ?? nothing(result), result));
  }
  // In one order, so that two workers that write about the same lanes do not deadlock.
  return [...byLane.values()].sort((a, b) => (a.lane < b.lane ? -1 : 1));
}

function nothing({ lane, url }: LaneResult): LaneNews {
  return {
    lane,
    url: url.split('?', 1)[0] ?? url,
    failures: 0,
    succeeded: false,
    probeFailed: false,
    probeReleased: false,
    error: null,
    pauseS: null,
  };
}

function add(news: LaneNews, { verdict, isProbe }: LaneResult): LaneNews {
  switch (signOf(verdict)) {
    case 'alive':
      return { ...news, failures: 0, succeeded: true, probeFailed: false, error: null };
    case 'throttled':
      return {
        ...news,
        pauseS: Math.max(news.pauseS ?? 0, pauseOf(verdict)),
        probeReleased: isProbe,
      };
    case 'failing':
      return {
        ...news,
        failures: news.failures + 1,
        probeFailed: news.probeFailed || isProbe,
        error: verdict.kind === 'delivered' ? null : verdict.reason,
        pauseS: pauseOf(verdict) > 0 ? Math.max(news.pauseS ?? 0, pauseOf(verdict)) : news.pauseS,
      };
    case 'nothing': {
      const pauseS =
        pauseOf(verdict) > 0 ? Math.max(news.pauseS ?? 0, pauseOf(verdict)) : news.pauseS;
      return { ...news, pauseS, probeReleased: news.probeReleased || isProbe };
    }
  }
}

/**
 * An answer that concerns the payload alone shows that the endpoint lives. 429 is no failure but a wish to be left alone
 * for a while; without a time in it, the slots of the lane answer it.
 */
function signOf(verdict: Verdict): 'alive' | 'throttled' | 'failing' | 'nothing' {
  if (verdict.kind === 'delivered') return 'alive';
  if (verdict.kind === 'repeat') return 'nothing';
  if (verdict.reason === 'http_429') return pauseOf(verdict) > 0 ? 'throttled' : 'alive';
  return verdict.pressure === 'neutral' ? 'alive' : 'failing';
}

function pauseOf(verdict: Verdict): number {
  if (verdict.kind === 'repeat') return (verdict.pauseMs ?? 0) / 1_000;
  return verdict.kind === 'retry' ? (verdict.notBeforeMs ?? 0) / 1_000 : 0;
}
