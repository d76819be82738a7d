// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { timeIn } from '../domain/time-text.ts';
import { maxUrlBytes } from '../domain/url-forms.ts';
import { canonicalUuid } from '../domain/uuid.ts';

/*
 * The schemas that requests are made of. A schema describes a field in the OpenAPI document, reads its value and turns it
 * into what a statement takes. Its error text is the rule in words, which follow "must be" in an answer.
 */

/** A whole number within bounds. */
export function wholeNumber(min: number, max: number): z.ZodInt {
  const rule = `a whole number from ${min} to ${max}`;
  return z.int(rule).min(min, rule).max(max, rule);
}

/** A number within bounds. */
export function numberFrom(min: number, max: number): z.ZodNumber {
  const rule = `a number from ${min} to ${max}`;
  return z.number(rule).min(min, rule).max(max, rule);
}

/** One of some words. */
export function oneOf<const Word extends string>(words: readonly Word[]) {
  return z.enum(words, `one of ${words.join(', ')}`);
}

export const flag = z.boolean('true or false');

/** Text that Postgres can store as it is: UTF-8 has no lone surrogates, and Postgres has no NUL. */
export function text(rule = 'a string of well-formed Unicode without NUL'): z.ZodString {
  return z.string(rule).refine(isStorable, rule);
}

export function isStorable(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
}

/**
 * Describes text of so many bytes in UTF-8, which a CHECK in Postgres or the field itself looks at. JSON Schema counts
 * characters, so this describes only a part of the texts that are not ASCII.
 */
export function utf8Length({ min, max }: { readonly min: number; readonly max: number }) {
  return {
    minLength: min,
    maxLength: max,
    anyOf: [{ maxLength: Math.floor(max / 4) }, { pattern: '^[\\x00-\\x7f]*$' }],
  };
}

export const maxNameBytes = 255;

/** Whether this can be the name of something that people name, such as a tenant. */
export function isName(value: unknown): value is string {
  return (
    isStorable(value) &&
    value !== '' &&
    Buffer.byteLength(value) <= maxNameBytes &&
    !/\p{Cc}/u.test(value)
  );
}

/** An id as it was returned. */
export function id(rule: string): z.ZodString {
  return z.string(rule).regex(canonicalUuid, rule).meta({ format: 'uuid' });
}

export const endpointId = id('the id of an endpoint: a UUID in lower case with dashes');

/** RFC 3339 with a zone. The value is in UTC. */
export function time(rule = 'an RFC 3339 time with a zone, like 2030-01-31T12:00:00Z') {
  return z
    .string(rule)
    .meta({ format: 'date-time' })
    .transform((text, context) => {
      const read = timeIn(text);
      if (read !== undefined) return read;
      context.addIssue({ code: 'custom', message: rule });
      return z.NEVER;
    });
}

const urlRule = 'an absolute http or https URL without blanks and backslashes';

/** A URL in the form that it was given in. The length is looked at by a CHECK in Postgres. */
export const url = z
  .string(urlRule)
  .meta({ format: 'uri', maxLength: maxUrlBytes, examples: ['https://example.com/hook'] })
  .superRefine((text, context) => {
    const rule = brokenUrlRule(text);
    if (rule !== undefined) context.addIssue({ code: 'custom', message: rule });
  });

/**
 * A URL to send to, normalised as browsers do. A URL without a port, or with a name that DNS cannot have, would fail at
 * each attempt.
 */
export const target = url.transform((text, context) => {
  const parsed = URL.parse(text);
  if (parsed !== null && canBeReached(parsed)) return parsed.href;
  context.addIssue({ code: 'custom', message: hostRule });
  return z.NEVER;
});

const hostRule = 'a URL with a valid host and port';

/** Refuses what the URL parser would mend without a word: blanks, "\" and "http:host". */
function brokenUrlRule(text: string): string | undefined {
  if (!isStorable(text) || !/^https?:\/\/[^/\\?#]/i.test(text) || /[\s\\\p{Cc}]/u.test(text)) {
    return urlRule;
  }
  const parsed = URL.parse(text);
  if (parsed === null) return hostRule;
  const { href, username, password } = parsed;
  if (username !== '' || password !== '') {
    return 'a URL without user name and password; sign with a secret instead';
  }
  return href.includes('#') ? 'a URL without a fragment, which HTTP does not send' : undefined;
}

function canBeReached({ hostname, port }: URL): boolean {
  const name = hostname.replace(/\.$/, '');
  return port !== '0' && name.length <= 253 && name.split('.').every(isLabel);
}

function isLabel(label: string): boolean {
  return label.length >= 1 && label.length <= 63;
}

/** Whether a period is empty. Its end is not part of it. */
export function endsTooSoon({
  from,
  until,
}: {
  readonly from?: string | null | undefined;
  readonly until?: string | null | undefined;
}): boolean {
  return (
    typeof from === 'string' && typeof until === 'string' && Date.parse(from) >= Date.parse(until)
  );
}
