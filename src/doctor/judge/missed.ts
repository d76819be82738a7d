// Pure: no I/O, no clock, no randomness.

import { counted, listed } from '../amounts.ts';
import type { MissedFacts } from '../facts/missed.ts';
import { type Finding, verdictsOf } from '../finding.ts';

const remedy = 'posthorn doctor --repair';

export function judgeMissed({ webhookIds, looked, isAll }: MissedFacts): Finding {
  const { ok, fail } = verdictsOf(
    'enqueued webhooks',
    'each webhook and event in the outbox was enqueued or matched no endpoint: one inserted while the trigger did not fire is never sent',
  );
  const among = isAll ? `all ${looked}` : `the newest ${looked}`;
  if (webhookIds.length === 0) return ok(looked === 0 ? 'none' : among);
  return fail(
    `${counted(webhookIds.length, 'webhook or event', 'webhooks or events')} of ${among} were never enqueued: ${listed(webhookIds)}`,
    `${remedy} enqueues them and prints their ids; events go to those who subscribe now. First make sure that they should be sent: they come from disabled triggers (see above), a restore, or replication.`,
  );
}

export function judgeMisruled(endpoints: readonly string[]): Finding {
  const { ok, fail } = verdictsOf(
    'lane rules',
    'match the endpoints’ settings: otherwise a paused endpoint is sent to, or a limit does not hold',
  );
  if (endpoints.length === 0) return ok('match the endpoints');
  return fail(`differ for ${counted(endpoints.length, 'endpoint')}: ${listed(endpoints)}`, remedy);
}
