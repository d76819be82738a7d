// Pure: no I/O, no clock, no randomness.

import type { AttemptResult } from './attempt-result.ts';
import { failure, type Pressure } from './failure-codes.ts';
import { retryAfterMs } from './retry-after.ts';

/** What an attempt means for its webhook and its endpoint. */
export type Verdict =
  | { readonly kind: 'delivered' }
  | {
      readonly kind: 'retry';
      readonly reason: string;
      /** The time of Retry-After: do not retry sooner than this, ms from now. */
      readonly notBeforeMs: number | undefined;
      readonly pressure: Pressure;
    }
  | { readonly kind: 'fail'; readonly reason: string; readonly pressure: Pressure }
  /** Our own trouble: the attempt does not count. */
  | {
      readonly kind: 'repeat';
      readonly reason: string;
      /** Do not retry sooner than this, and send nothing to the lane until then; undefined: soon. */
      readonly pauseMs?: number | undefined;
    };

const delivered: Verdict = { kind: 'delivered' };

/** Judges an attempt. The reason is `http_<status>`, `gone`, `redirect` or a failure code. */
export function classify(result: AttemptResult, now: Date): Verdict {
  switch (result.kind) {
    case 'response': {
      const { statusCode, retryAfter } = result;
      if (statusCode >= 200 && statusCode <= 299) return delivered;
      if (mayRetry(statusCode)) {
        const asked = statusCode === 429 || statusCode === 503;
        return {
          kind: 'retry',
          reason: reasonOf(statusCode),
          notBeforeMs: asked ? retryAfterMs(retryAfter, now) : undefined,
          pressure: pressureOf(statusCode),
        };
      }
      return { kind: 'fail', reason: reasonOf(statusCode), pressure: pressureOf(statusCode) };
    }
    case 'error': {
      const { verdict, pressure, pauseMs } = failure(result.code);
      const reason = result.code;
      if (verdict === 'retry') return { kind: 'retry', reason, notBeforeMs: undefined, pressure };
      if (verdict === 'fail') return { kind: 'fail', reason, pressure };
      return { kind: 'repeat', reason, pauseMs };
    }
    default:
      return result satisfies never;
  }
}

/**
 * False for client errors, which say that the same request will be refused again. Redirects may be retried: the URL may
 * get fixed.
 */
function mayRetry(statusCode: number): boolean {
  if (statusCode < 400 || statusCode > 499) return true;
  return statusCode === 408 || statusCode === 425 || statusCode === 429;
}

function reasonOf(statusCode: number): string {
  if (statusCode === 410) return 'gone';
  if (statusCode >= 300 && statusCode <= 399) return 'redirect';
  return `http_${statusCode}`;
}

/**
 * Statuses that concern the endpoint and not the payload: it wants authentication, has no such route, or accepts no
 * such request from any sender.
 */
const misconfigured = new Set([401, 403, 404, 405, 406, 407]);

function pressureOf(statusCode: number): Pressure {
  if (statusCode >= 500 || statusCode === 408 || statusCode === 429) return 'overload';
  if (statusCode < 400 || misconfigured.has(statusCode)) return 'broken';
  return 'neutral';
}

/** What a verdict says about how much the receiver can take. */
export function loadOf(verdict: Verdict): 'ok' | 'overload' | 'other' {
  if (verdict.kind === 'delivered') return 'ok';
  if (verdict.kind === 'repeat') return 'other';
  // What cannot be reached cannot take more either: after an outage the lane begins with few slots.
  return verdict.pressure === 'neutral' ? 'other' : 'overload';
}
