// Pure: no I/O, no clock, no randomness.

import type { Standing } from './counters.ts';
import type { ReceiverCounters } from './receiver-books.ts';

/*
 * What must hold for figures to count: every webhook delivered exactly once, signed, and recorded. Each function
 * returns what does not hold.
 */

/** At the receiver: as many requests as webhooks, no id twice, and every signature that was checked is right. */
export function receiverViolations(counters: ReceiverCounters, webhooks: number): string[] {
  return differences({
    requests: [counters.requests, webhooks],
    'different ids': [counters.uniqueIds, webhooks],
    'signatures checked': [counters.signaturesChecked, Math.ceil(webhooks / 100)],
    'bad signatures': [counters.badSignatures, 0],
  });
}

/** In the tables: an outcome and a finished attempt for each webhook, and nothing left to do. */
export function standingViolations(standing: Standing, webhooks: number): string[] {
  return differences({
    outcomes: [standing.outcomes, webhooks],
    delivered: [standing.delivered, webhooks],
    attempts: [standing.attempts, webhooks],
    'open attempts': [standing.openAttempts, 0],
    'left in the queue': [standing.queued, 0],
  });
}

function differences(wanted: Readonly<Record<string, readonly [is: number, must: number]>>) {
  return Object.entries(wanted)
    .filter(([, [is, must]]) => is !== must)
    .map(([name, [is, must]]) => `${name}: ${is}, must be ${must}`);
}
