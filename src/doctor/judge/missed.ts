// Pure: no I/O, no clock, no randomness.

import { counted, listed } from '../amounts.ts';
import type { MissedFacts } from '../facts/missed.ts';
import { type Finding, verdictsOf } from '../finding.ts';

const remedy = 'posthorn doctor --repair';

export function judgeMissed({ webhookIds, looked, isAll }: MissedFacts): Finding {
  const { ok, fail } = verdictsOf(
    'enqueued webhooks',
    'each webhook of the outbox waits or has ended: one that was inserted while the trigger did not fire is never sent',
  );
  const among = isAll ? `all ${looked}` : `the newest ${looked}`;
  if (webhookIds.length === 0) return ok(looked === 0 ? 'none is there' : among);
  return fail(
    `${counted(webhookIds.length, 'webhook')} of ${among} were never enqueued: ${listed(webhookIds)}`,
    `${remedy} enqueues them, and says which. Before that, make sure that they are meant to be sent: "triggers" above, a restore, or replication has brought them.`,
  );
}

export function judgeMisruled(endpoints: readonly string[]): Finding {
  const { ok, fail } = verdictsOf(
    'lane rules',
    'are what the endpoints’ settings say: else one that is paused is sent to, or a limit does not hold',
  );
  if (endpoints.length === 0) return ok('as the endpoints are set');
  return fail(`differ for ${counted(endpoints.length, 'endpoint')}: ${listed(endpoints)}`, remedy);
}
