// Pure: no I/O, no clock, no randomness.

import { isName, text, utf8Length } from './fields.ts';
import type { ProblemPart } from './problem.ts';
import { fieldsOf, type Request } from './read-fields.ts';
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
} as const satisfies Readonly<Record<string, TableRule>>;

export function brokenTenantRule(name: string): ProblemPart {
  return brokenTableRule(name, { rules: tenantRules, table: 'tenants' });
}

const settingsFields = fieldsOf({
  name: text()
    .meta(utf8Length({ min: 0, max: 255 }))
    .describe('For people.'),
});

/** PUT /tenants/{tenant}. */
export const tenantSettings: Request<typeof settingsFields> = {
  schema: settingsFields,
  shown: [],
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
