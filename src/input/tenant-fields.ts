// Pure: no I/O, no clock, no randomness.

import { flag, isName, numberFrom, text, utf8Length, wholeNumber } from './fields.ts';
import type { ProblemPart } from './problem.ts';
import { fieldsOf, optional, type Request } from './read-fields.ts';
import { brokenTableRule, type TableRule } from './table-rules.ts';

/** Every rule of posthorn.tenants. */
export const tenantRules = {
  tenants_id_is_1_to_255_bytes: {
    rule: 'the id of a tenant must be 1 to 255 bytes in UTF-8, without control characters',
  },
  tenants_id_is_not_all_tenants: {
    rule: 'the id of a tenant must not be "*", which stands for all tenants',
  },
  tenants_name_is_at_most_255_bytes: {
    field: 'name',
    rule: 'name must be at most 255 bytes in UTF-8',
  },
  tenants_max_in_flight_is_1_to_10000: {
    field: 'max_in_flight',
    rule: 'max_in_flight must be a whole number from 1 to 10000',
  },
  tenants_rate_limit_per_s_is_0_001_to_10000: {
    field: 'rate_limit_per_s',
    rule: 'rate_limit_per_s must be a number from 0.001 to 10000',
  },
  tenants_max_waiting_is_1_to_1000000000: {
    field: 'max_waiting',
    rule: 'max_waiting must be a whole number from 1 to 1000000000',
  },
} as const satisfies Readonly<Record<string, TableRule>>;

export function brokenTenantRule(name: string): ProblemPart {
  return brokenTableRule(name, { rules: tenantRules, table: 'tenants' });
}

const changedFields = fieldsOf({
  name: optional(text().meta(utf8Length({ min: 0, max: 255 })), 'For people.'),
  max_in_flight: optional(
    wholeNumber(1, 10_000),
    'Requests at the same time, to all of its endpoints, of all workers.',
  ),
  rate_limit_per_s: optional(
    numberFrom(0.001, 10_000),
    'Requests a second, to all of its endpoints, of all workers.',
  ),
  max_waiting: optional(
    wholeNumber(1, 1_000_000_000),
    'It is full when it has this many unfinished webhooks. They are counted every minute.',
  ),
  refuse_when_full: optional(
    flag,
    'Whether new webhooks and events of it are refused while it is full.',
  ),
});

/** PATCH /tenants/{tenant}: a field that is left out stays, and null sets it to the default. */
export const tenantChange: Request<typeof changedFields> = {
  schema: changedFields,
  shown: ['max_in_flight', 'rate_limit_per_s', 'max_waiting', 'refuse_when_full'],
  brokenRule: brokenTenantRule,
};

const renameFields = fieldsOf({
  to: text('an id of 1 to 255 bytes without control characters, and not *')
    .meta(utf8Length({ min: 1, max: 255 }))
    .refine(
      (given) => isName(given) && given !== '*',
      'an id of 1 to 255 bytes without control characters, and not *',
    )
    .describe('The new id.'),
});

/** POST /tenants/{tenant}/rename. */
export const tenantRename: Request<typeof renameFields> = { schema: renameFields, shown: ['to'] };
