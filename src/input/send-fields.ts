// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { priorities } from '../domain/priority.ts';
import {
  described,
  endpointId,
  oneOf,
  target,
  text,
  time,
  utf8Schema,
  wholeNumber,
} from './fields.ts';
import { type Field, type FieldResult, orElse } from './read-fields.ts';
import { readHeaders } from './send-headers.ts';
import { textOf } from './send-text.ts';

/** Of a request. */
export const headersSchema = z
  .record(z.string(), z.string())
  .meta({ examples: [{ 'X-Shop': '7' }] });

/**
 * The fields of POST /webhooks/send. Rules that Postgres' CHECKs state as well as here are left to them, such as what a
 * secret looks like: they hold for every producer, and name themselves when broken. Those on single headers are looked at
 * here too, as a CHECK cannot say which header it was.
 */
export const sendFields = {
  url: described(
    'Where it goes: absolute, http or https, without user name, password and fragment. This or endpoint_id.',
    target,
  ),
  endpoint_id: described(
    'Of a registered endpoint, whose URL, secret, limits and retries apply. This or url.',
    endpointId,
  ),
  body: {
    schema: z
      .unknown()
      .describe('A string is sent as that string, any other value byte for byte as it is written.'),
    read: (json) =>
      json.startsWith('"')
        ? orElse(textOf(json), 'well-formed Unicode without NUL, when it is a string')
        : { ok: true, value: json },
  },
  headers: {
    schema: headersSchema.describe('Its own headers, 8 KiB at most. Some names are reserved.'),
    read: readHeaders,
  },
  secret: {
    ...text,
    schema: utf8Schema({ min: 1, max: 512 }).describe(
      'Signs it. whsec_ and 24 to 64 bytes in base64, or any text of 1 to 512 bytes in UTF-8.',
    ),
  },
  content_type: {
    schema: z.string().max(255).describe('Of the body; application/json if not given.'),
    read: (json) => orElse(textOf(json), 'a media type'),
  },
  priority: described('normal if not given.', oneOf(priorities)),
  send_at: described('Not before then; less than 366 days ahead.', time),
  max_attempts: described('As many as the retry schedule has if not given.', wholeNumber(1, 100)),
  idempotency_key: {
    schema: z
      .string()
      .regex(/^[ -~]{1,255}$/)
      .describe('Sent once however often the request is repeated in 7 days.'),
    read: (json) => readIdempotencyKey(textOf(json)),
  },
  traceparent: {
    schema: z.string().describe('W3C Trace Context; passed on.'),
    read: (json) => orElse(textOf(json), 'a W3C traceparent'),
  },
} as const satisfies Readonly<Record<string, Field>>;

export type SendField = keyof typeof sendFields;

/** 1 to 255 printable ASCII characters: the field and the header. */
export function readIdempotencyKey(text: string | undefined): FieldResult {
  const key = text !== undefined && /^[ -~]{1,255}$/.test(text) ? text : undefined;
  return orElse(key, idempotencyKeyRule);
}

export const idempotencyKeyRule = '1 to 255 printable ASCII characters';
