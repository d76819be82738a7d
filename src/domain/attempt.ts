// Pure: no I/O, no clock, no randomness.

import type { AttemptResult } from './attempt-result.ts';
import type { Verdict } from './classify.ts';
import type { Decision } from './decide.ts';
import type { LaneGroups } from './lane.ts';

/** A webhook and the number of one of its attempts: all of it that may outlive the request. */
export interface AttemptedWebhook {
  readonly webhookId: string;
  /** Of the row of the outbox: the event's, or the webhook's own. */
  readonly outboxId: string;
  /** The registered endpoint it goes to. */
  readonly endpointId: string | null;
  /** The customer it belongs to; empty: the application itself. */
  readonly tenant: string;
  /** Null: it is no event's. */
  readonly eventType: string | null;
  readonly lane: string;
  readonly groups: LaneGroups;
  /** As it was given, so with its query: do not log it as it is. */
  readonly url: string;
  /** 0 high, 1 normal, 2 low. */
  readonly priority: number;
  /** Of the attempt, 1 for the first. */
  readonly number: number;
  /** How many of the attempts before it do not count, except those before the webhook was put back. */
  readonly uncounted: number;
  /** Attempts before the webhook was put back into the queue. */
  readonly pastAttempts: number;
  /** The worker that makes the attempt. */
  readonly leasedBy: number;
  /** The attempt finds out whether its lane works again. */
  readonly isProbe: boolean;
  /** Answers 410 Gone of the endpoint before this attempt. */
  readonly goneAnswers: number;
}

/** An attempt that has ended, and what becomes of its webhook. */
export interface EndedAttempt {
  readonly webhook: AttemptedWebhook;
  readonly result: AttemptResult;
  readonly verdict: Verdict;
  readonly decision: Decision;
}

/** Leaves out body, headers and secrets, so that nothing that keeps or shows the attempt has them. */
export function withoutPayload(webhook: AttemptedWebhook): AttemptedWebhook {
  return {
    webhookId: webhook.webhookId,
    outboxId: webhook.outboxId,
    endpointId: webhook.endpointId,
    tenant: webhook.tenant,
    eventType: webhook.eventType,
    lane: webhook.lane,
    groups: webhook.groups,
    url: webhook.url,
    priority: webhook.priority,
    number: webhook.number,
    uncounted: webhook.uncounted,
    pastAttempts: webhook.pastAttempts,
    leasedBy: webhook.leasedBy,
    isProbe: webhook.isProbe,
    goneAnswers: webhook.goneAnswers,
  };
}
