import type { Config } from './config/config.ts';
import { targetOf } from './domain/target.ts';
import type { Attempted, Events } from './events.ts';
import type { Log } from './log.ts';

const priorities = ['high', 'normal', 'low'];

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

function lineOf({ result, verdict, decision, ...attempted }: Attempted): object {
  return {
    webhookId: attempted.webhookId,
    attempt: attempted.number,
    endpointId: attempted.endpointId ?? undefined,
    lane: attempted.lane,
    origin: targetOf(attempted.url)?.origin,
    priority: priorities[attempted.priority],
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
    isProbe: attempted.isProbe || undefined,
    worker: attempted.worker,
    traceId: attempted.traceparent?.slice(3, 35),
  };
}
