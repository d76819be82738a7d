// Pure: no I/O, no clock, no randomness.

import { waysToResume } from '../../domain/hold.ts';
import type { HoldFacts } from '../facts/hold.ts';
import { type Finding, verdictsOf } from '../finding.ts';

/** Whether this database is held. */
export function judgeHold(
  { hold, recorded }: HoldFacts,
  { environment }: { readonly environment: string },
): Finding {
  const { ok, fail } = verdictsOf(
    'hold',
    'none: webhooks are sent from the database that a worker recorded, and not from copies of it',
  );
  if (hold !== undefined) {
    return fail(
      `nothing is sent: ${hold.reason}`,
      `If this database is to send webhooks: ${waysToResume(environment)} To drop the waiting webhooks, run "posthorn cancel --all" first. See docs/copies.md`,
    );
  }
  if (recorded === undefined) return ok('no worker has started here yet');
  return ok(
    recorded.environment === null ? 'none' : `none; the environment is ${recorded.environment}`,
  );
}
