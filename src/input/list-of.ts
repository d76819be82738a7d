// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { type Request, readFields, type Values } from './read-fields.ts';

/**
 * A field that is a list of requests. Each is read by itself, so that an answer can say which of them is wrong, and where
 * in it.
 */
export function listOf<Schema extends z.ZodObject>(
  request: Request<Schema>,
  { min, max, rule }: { readonly min: number; readonly max: number; readonly rule: string },
) {
  return z.unknown().transform((value, context): z.output<Schema>[] => {
    if (!Array.isArray(value) || value.length < min || value.length > max) {
      context.addIssue({ code: 'custom', message: rule });
      return z.NEVER;
    }
    return value.flatMap((given: unknown, item) => {
      const read = readFields(isValues(given) ? given : {}, request);
      if (isValues(given) && read.ok) return [read.fields];
      const parts = read.ok || !isValues(given) ? [notAnObject] : read.errors;
      for (const part of parts) {
        context.addIssue({ code: 'custom', message: rule, params: { part, item } });
      }
      return [];
    });
  });
}

const notAnObject = {
  code: 'not_an_object',
  detail: 'It must be an object in which each name comes once',
};

function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
