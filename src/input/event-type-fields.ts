// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import type { JsonSchema } from '../domain/json-schema.ts';
import { flag, isStorable, text, utf8Length } from './fields.ts';
import type { ProblemPart } from './problem.ts';
import { fieldsOf, optional, type Request } from './read-fields.ts';
import { brokenTableRule, type TableRule } from './table-rules.ts';

/** Every rule of posthorn.event_types, and those that only the API can check. A test compares them with the SQL. */
export const eventTypeRules = {
  event_types_name_is_words: {
    rule: 'the name of an event type must be words of letters, digits, - and _ with dots between them, at most 128 characters',
  },
  event_types_description_is_at_most_4_kib: {
    field: 'description',
    rule: 'description must be at most 4 KiB (4096 bytes) in UTF-8',
  },
  event_types_schema_is_json_schema: {
    field: 'schema',
    rule: 'schema must be a JSON Schema (2020-12), an object or a boolean, of at most 64 KiB',
  },
  event_types_example_is_at_most_64_kib: {
    field: 'example',
    rule: 'example must be at most 64 KiB as JSON',
  },
} as const satisfies Readonly<Record<string, TableRule>>;

export function brokenEventTypeRule(name: string): ProblemPart {
  return brokenTableRule(name, { rules: eventTypeRules, table: 'event_types' });
}

/** Whether this can be the name of an event type. */
export function isEventTypeName(name: string): boolean {
  return name.length <= 128 && /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(name);
}

const storableRule =
  'JSON whose strings are well-formed Unicode without NUL, and whose numbers a double can hold';

const schemaRule = 'a JSON Schema (2020-12): an object, true or false';

const schema = z
  .union([z.boolean(), z.record(z.string(), z.unknown())], schemaRule)
  .refine(canBeStored, storableRule)
  .transform((given): JsonSchema => given);

const fields = fieldsOf({
  description: optional(
    text().meta(utf8Length({ min: 0, max: 4_096 })),
    'For people: what happened, and when it is published. At most 4 KiB in UTF-8.',
  ),
  schema: optional(
    schema,
    'A JSON Schema (2020-12) of the body, at most 64 KiB. Left out: any body.',
  ),
  example: z
    .unknown()
    .refine(canBeStored, storableRule)
    .optional()
    .describe('A body as an example, at most 64 KiB. It must fit the schema.'),
  deprecated: optional(flag, 'It will not be published for much longer.'),
});

/** PUT /event-types/{name}. */
export const eventTypeRequest: Request<typeof fields> = {
  schema: fields,
  shown: ['deprecated'],
  brokenRule: brokenEventTypeRule,
};

/** Whether Postgres can keep a value of JSON as it is. */
function canBeStored(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return isStorable(value);
    case 'number':
      return Number.isFinite(value);
    case 'object':
      return Object.entries(value ?? {}).every(
        ([name, part]) => isStorable(name) && canBeStored(part),
      );
    default:
      return true;
  }
}
