// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { timeIn } from '../domain/time-text.ts';
import { maxUrlBytes, normalisedUrl } from '../domain/url-forms.ts';
import { canonicalUuid, isCanonicalUuid } from './canonical-uuid.ts';
import { type Field, orElse, refused } from './read-fields.ts';
import { textOf } from './send-text.ts';

/** A whole number within bounds. */
export function wholeNumber(min: number, max: number): Field {
  return numberField(z.int().min(min).max(max), `a whole number from ${min} to ${max}`);
}

/** A number within bounds. */
export function numberFrom(min: number, max: number): Field {
  return numberField(z.number().min(min).max(max), `a number from ${min} to ${max}`);
}

function numberField(schema: z.ZodType<number>, mustBe: string): Field {
  return {
    schema,
    read: (json) => {
      const read = schema.safeParse(/^[-\d]/.test(json) ? Number(json) : undefined);
      return read.success ? { ok: true, value: read.data } : refused(mustBe);
    },
  };
}

/** One of some words. */
export function oneOf(words: readonly [string, ...string[]]): Field {
  const schema = z.enum(words);
  return {
    schema,
    read: (json) => orElse(schema.safeParse(textOf(json)).data, `one of ${words.join(', ')}`),
  };
}

/** true or false, as the text that Postgres takes. */
export const flag: Field = {
  schema: z.boolean(),
  read: (json) => orElse(json === 'true' || json === 'false' ? json : undefined, 'true or false'),
};

/** Any text that Postgres can store. */
export const text: Field = {
  schema: z.string(),
  read: (json) => orElse(textOf(json), 'a string of well-formed Unicode without NUL'),
};

/** An id as it was returned. */
export const idSchema = z.string().regex(canonicalUuid).meta({ format: 'uuid' });

/** Text of so many bytes in UTF-8. JSON Schema counts characters: of texts that are not ASCII this describes a part. */
export function utf8Schema({
  min,
  max,
}: {
  readonly min: number;
  readonly max: number;
}): z.ZodString {
  return z
    .string()
    .min(min)
    .max(max)
    .meta({ anyOf: [{ maxLength: Math.floor(max / 4) }, { pattern: '^[\\x00-\\x7f]*$' }] });
}

/** The id of an endpoint. */
export const endpointId: Field = {
  schema: idSchema,
  read: (json) => {
    const id = textOf(json);
    return orElse(
      id !== undefined && isCanonicalUuid(id) ? id : undefined,
      'the id of an endpoint: a UUID in lower case with dashes',
    );
  },
};

/** Normalised as browsers do. What the URL parser would mend silently (blanks, "\", "http:host") is refused. */
export const url: Field = {
  schema: z
    .string()
    .max(maxUrlBytes)
    .meta({ format: 'uri', examples: ['https://example.com/hook'] }),
  read: (json) => {
    const text = textOf(json);
    if (text === undefined || !/^https?:\/\/[^/\\?#]/i.test(text) || /[\s\\\p{Cc}]/u.test(text)) {
      return refused('an absolute http or https URL without blanks and backslashes');
    }
    const href = normalisedUrl(text);
    if (href === undefined) return refused('a URL with a valid host and port');
    const parsed = new URL(href);
    if (parsed.username !== '' || parsed.password !== '') {
      return refused('a URL without user name and password; sign with a secret instead');
    }
    if (href.includes('#')) {
      return refused('a URL without a fragment, which HTTP does not send');
    }
    return { ok: true, value: href };
  },
};

/** A URL to send to. What has no port, or a name that DNS cannot have, would fail at each attempt. */
export const target: Field = {
  schema: url.schema,
  read: (json) => {
    const read = url.read(json);
    return read.ok && !canBeReached(new URL(String(read.value)))
      ? refused('a URL with a valid host and port')
      : read;
  },
};

function canBeReached({ hostname, port }: URL): boolean {
  const name = hostname.replace(/\.$/, '');
  return port !== '0' && name.length <= 253 && name.split('.').every(isLabel);
}

function isLabel(label: string): boolean {
  return label.length >= 1 && label.length <= 63;
}

/** RFC 3339 with a zone. */
export const timeSchema = z.string().meta({ format: 'date-time' });

/** A time with a zone. */
export const time: Field = {
  schema: timeSchema,
  read: (json) =>
    orElse(timeIn(textOf(json)), 'an RFC 3339 time with a zone, like 2030-01-31T12:00:00Z'),
};

/** Whether nothing can lie in a period, as its end is not in it. */
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

/** A field with words about it. */
export function described(description: string, field: Field): Field {
  return { ...field, schema: field.schema.describe(description) };
}
