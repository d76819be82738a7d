// Pure: no I/O, no clock, no randomness.

import type { Standing } from './counters.ts';
import type { ReceiverCounters } from './receiver-books.ts';
import type { PeerStanding } from './studies/peers/tables.ts';

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

/**
 * In a peer's tables and queue: all webhooks that were committed; of those that are delivered, as many as the receiver
 * has seen, each with one attempt that ended with its 200; the others still in the queue.
 */
export function peerViolations(
  standing: PeerStanding & { readonly jobsLeft: number },
  must: { readonly webhooks: number; readonly delivered: number },
): string[] {
  return differences({
    webhooks: [standing.webhooks, must.webhooks],
    delivered: [standing.delivered, must.delivered],
    attempts: [standing.attempts, must.delivered],
    'open attempts': [standing.openAttempts, 0],
    'delivered by one attempt that says so': [standing.inOrder, must.delivered],
    'jobs left': [standing.jobsLeft, must.webhooks - must.delivered],
  });
}

function differences(wanted: Readonly<Record<string, readonly [is: number, must: number]>>) {
  return Object.entries(wanted)
    .filter(([, [is, must]]) => is !== must)
    .map(([name, [is, must]]) => `${name}: ${is}, must be ${must}`);
}
