import type { Config } from './config/config.ts';
import { priorities } from './domain/priority.ts';
import { targetOf } from './domain/target.ts';
import type { Attempted, Events } from './events.ts';
import type { Log } from './log.ts';

/**
 * Logs one line per attempt. It contains nothing that belongs to the receiver or the producer: no body, no header, no
 * secret, and only the origin of the URL, because a path may be a secret too.
 */
export function logAttempts({
  events,
  log,
  which,
}: {
  readonly events: Events;
  readonly log: Log;
  readonly which: Config['logAttempts'];
}): void {
  if (which === 'none') return;
  events.on('attempted', (attempted) => {
    if (which === 'failures' && attempted.verdict.kind === 'delivered') return;
    // Making a line costs as much as writing it.
    if (log.isLevelEnabled?.('info') === false) return;
    log.info(lineOf(attempted), 'Attempt ended');
  });
}

function lineOf({ webhook, result, verdict, decision, ...attempted }: Attempted): object {
  return {
    webhookId: webhook.webhookId,
    attempt: webhook.number,
    endpointId: webhook.endpointId ?? undefined,
    lane: webhook.lane,
    origin: targetOf(webhook.url)?.origin,
    priority: priorities[webhook.priority],
    outcome: decision.became,
    reason: verdict.kind === 'delivered' ? undefined : verdict.reason,
    statusCode: result.kind === 'response' ? result.statusCode : undefined,
    durationMs: result.durationMs,
    waitMs: Math.round(attempted.waitMs * 10) / 10,
    nextAt:
      decision.became === 'retry'
        ? new Date(attempted.endedAtMs + decision.inMs).toISOString()
        : undefined,
    counts: decision.became === 'retry' && !decision.counts ? false : undefined,
    isProbe: webhook.isProbe || undefined,
    worker: webhook.leasedBy,
    traceId: attempted.traceparent?.slice(3, 35),
  };
}
