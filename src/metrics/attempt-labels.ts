// Pure: no I/O, no clock, no randomness.

import type { Decision } from '../domain/decide.ts';
import { failure, failureCodes } from '../domain/failure-codes.ts';

/*
 * Maps results to labels. Status codes and failure codes become so few words that all values of a label are known in
 * advance, and all series exist from the start, at 0. A counter that appears with its first event hides that event from
 * rate() and increase().
 */

/**
 * retry: the attempt counted. repeat: it did not count, because the trouble was on our side or the receiver asked us to
 * wait.
 */
export type Outcome = (typeof outcomes)[number];
export const outcomes = ['delivered', 'retry', 'failed', 'repeat'] as const;

export type AttemptLabels = Readonly<Record<'outcome' | 'reason' | 'status_class', string>>;

export function outcomeOf(decision: Decision): Outcome {
  if (decision.became !== 'retry') return decision.became;
  return decision.counts ? 'retry' : 'repeat';
}

/** The labels for the reason of a verdict; undefined: it was delivered. */
export function classOf(reason: string | undefined): Omit<AttemptLabels, 'outcome'> {
  if (reason === undefined) return { reason: 'none', status_class: '2xx' };
  if (reason === 'gone') return { reason, status_class: '4xx' };
  if (reason === 'redirect') return { reason, status_class: '3xx' };
  const status = /^http_(\d)\d\d$/.exec(reason);
  if (status === null) {
    return {
      reason: Object.hasOwn(failureCodes, reason) ? reason : 'unclassified',
      status_class: 'none',
    };
  }
  if (reason === 'http_429') return { reason, status_class: '4xx' };
  const isUsual = status[1] === '4' || status[1] === '5';
  return isUsual
    ? { reason: `http_${status[1]}xx`, status_class: `${status[1]}xx` }
    : { reason: 'http_other', status_class: 'other' };
}

/** All possible combinations of labels. */
export const allAttemptLabels: readonly AttemptLabels[] = [
  { outcome: 'delivered', ...classOf(undefined) },
  ...['http_429', 'http_400', 'http_500', 'http_600', 'redirect'].flatMap((reason) =>
    (['retry', 'failed'] as const).map((outcome) => ({ outcome, ...classOf(reason) })),
  ),
  // Refused with Retry-After.
  ...['http_429', 'http_503'].map((reason) => ({ outcome: 'repeat' as const, ...classOf(reason) })),
  { outcome: 'failed', ...classOf('gone') },
  ...Object.keys(failureCodes).flatMap((code) =>
    outcomesAfter(code).map((outcome) => ({ outcome, ...classOf(code) })),
  ),
];

function outcomesAfter(code: string): readonly Outcome[] {
  const { verdict } = failure(code);
  if (verdict === 'fail') return ['failed'];
  // A probe during an outage on our side does not count.
  return verdict === 'retry' ? ['retry', 'repeat', 'failed'] : ['repeat', 'failed'];
}
