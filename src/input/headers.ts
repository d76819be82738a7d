// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { isReservedHeader } from '../domain/reserved-headers.ts';
import { isStorable } from './fields.ts';
import type { Fault } from './read-fields.ts';

const given = z.unknown().meta({
  type: 'object',
  additionalProperties: { type: 'string' },
  examples: [{ 'X-Shop': '7' }],
});

/** The headers of a webhook, as the JSON text from which Postgres makes the jsonb. A CHECK counts them, by the text of the jsonb. */
export const webhookHeaders = given.transform((value, context) => {
  const headers = readHeaders(value, { table: 'outbox', context });
  return headers === undefined ? z.NEVER : JSON.stringify(headers);
});

const maxHeaderBytes = 8_192;

/** The headers of an endpoint. Their size is looked at here too, because a CHECK cannot see it when they come sealed. */
export const endpointHeaders = given.transform((value, context): string | null => {
  const headers = readHeaders(value, { table: 'endpoints', context });
  if (headers === undefined) return z.NEVER;
  const count = Object.keys(headers).length;
  // No headers is the default, and nothing to keep secret.
  if (count === 0) return null;
  const text = JSON.stringify(headers);
  // jsonb's text has a blank after each colon and each comma.
  if (Buffer.byteLength(text) + count * 2 - 1 <= maxHeaderBytes) return text;
  addFault(context, { rule: 'endpoints_headers_are_at_most_8_kib' });
  return z.NEVER;
});

type Context = z.core.$RefinementCtx;

/**
 * Reads headers and names each one that breaks a rule; undefined if one does. The rules are those of the CHECKs, which hold
 * for every producer but stop at the first fault and name no header.
 */
function readHeaders(
  value: unknown,
  { table, context }: { readonly table: 'outbox' | 'endpoints'; readonly context: Context },
): object | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    addFault(context, {}, 'an object of strings in which each name comes once');
    return undefined;
  }
  const seen = new Set<string>();
  let isLegal = true;
  const refuse = (fault: Fault, message?: string) => {
    isLegal = false;
    addFault(context, fault, message);
  };
  for (const [header, text] of Object.entries(value)) {
    if (!isStorable(text) || !isStorable(header)) {
      refuse({ member: header }, 'a string of printable ASCII');
      continue;
    }
    const broken = ruleBrokenBy(header, seen);
    if (broken !== undefined) refuse({ rule: `${table}_headers_${broken}`, header });
    if (/[^ -~]/.test(text)) {
      refuse({ rule: `${table}_headers_values_are_printable_ascii`, header });
    }
    seen.add(header.toLowerCase());
  }
  return isLegal ? value : undefined;
}

function addFault(context: Context, params: Fault, message = ''): void {
  context.addIssue({ code: 'custom', message, params: { ...params } });
}

const token = /^[-!#$%&'*+.^_`|~0-9A-Za-z]{1,128}$/;

function ruleBrokenBy(name: string, seen: ReadonlySet<string>): string | undefined {
  if (!token.test(name)) return 'names_are_tokens';
  if (isReservedHeader(name)) return 'names_are_not_reserved';
  return seen.has(name.toLowerCase()) ? 'names_are_unique' : undefined;
}
