// Pure: no I/O, no clock, no randomness.

import { flag, numberFrom, time } from './fields.ts';
import type { ProblemPart } from './problem.ts';
import { fieldsOf, optional, type Request } from './read-fields.ts';
import { brokenTableRule, type TableRule } from './table-rules.ts';

/** Every rule of posthorn.catch_ups. */
export const catchUpRules = {
  catch_ups_endpoint_is_registered: {
    rule: 'the endpoint must be a registered one that is not deleted',
  },
  catch_ups_since_is_finite: { field: 'since', rule: 'since must be a finite time' },
  catch_ups_rate_limit_per_s_is_0_1_to_10000: {
    field: 'rate_limit_per_s',
    rule: 'rate_limit_per_s must be a number from 0.1 to 10000',
  },
} as const satisfies Readonly<Record<string, TableRule>>;

export function brokenCatchUpRule(name: string): ProblemPart {
  return brokenTableRule(name, { rules: catchUpRules, table: 'catch_ups' });
}

export const usualCatchUpRatePerS = 100;

const fields = fieldsOf({
  since: time().describe('Events published from then on.'),
  dry_run: optional(flag, 'Counts, and sends nothing.'),
  rate_limit_per_s: optional(
    numberFrom(0.1, 10_000),
    `Webhooks sent per second; ${usualCatchUpRatePerS} if not given.`,
  ),
});

/** POST /endpoints/{id}/catch-up. */
export const catchUpRequest: Request<typeof fields> = {
  schema: fields,
  shown: ['since', 'dry_run', 'rate_limit_per_s'],
};
