// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { priorities } from '../domain/priority.ts';
import {
  endpointId,
  isName,
  isStorable,
  oneOf,
  target,
  text,
  time,
  utf8Length,
  wholeNumber,
} from './fields.ts';
import { webhookHeaders } from './headers.ts';
import { fieldsOf, optional } from './read-fields.ts';

/** The body of a webhook: the exact text to send, which JSON of any kind becomes. */
export const body = z
  .unknown()
  .refine(isStorable, 'well-formed Unicode without NUL, when it is a string')
  .transform(String)
  .describe('A string is sent as that string, any other value byte for byte as it is written.');

/** The tenant of a webhook or an event. */
export const tenant = text('a string of at most 255 bytes without control characters')
  .meta(utf8Length({ min: 0, max: 255 }))
  .superRefine((given, context) => {
    // text() has refused what cannot be stored.
    if (given === '' || isName(given) || !isStorable(given)) return;
    context.addIssue({ code: 'custom', params: { rule: 'outbox_tenant_is_at_most_255_bytes' } });
  });

/** 1 to 255 printable ASCII characters: the field and the header. */
export const idempotencyKeyRule = '1 to 255 printable ASCII characters';
export const idempotencyKey = z
  .string(idempotencyKeyRule)
  .regex(/^[ -~]{1,255}$/, idempotencyKeyRule)
  .describe('Sent once however often the request is repeated in 7 days.');

/** How a webhook, or each webhook of an event, is sent. */
export const delivery = {
  content_type: optional(
    text('a media type').meta({ maxLength: 255 }),
    'Of the body; application/json if not given.',
  ),
  priority: optional(oneOf(priorities), 'normal if not given.'),
  send_at: optional(time(), 'Not before then; less than 366 days ahead.'),
  max_attempts: optional(wholeNumber(1, 100), 'As many as the retry schedule has if not given.'),
  idempotency_key: optional(idempotencyKey),
  traceparent: optional(text('a W3C traceparent'), 'W3C Trace Context; passed on.'),
};

/**
 * The fields of POST /webhooks/send. A rule that a CHECK in Postgres states too is left to it, such as what a secret looks
 * like: it holds for every producer, and names itself when it is broken. Headers are looked at here, because a CHECK cannot
 * say which one broke the rule.
 */
export const sendFields = fieldsOf({
  url: optional(
    target,
    'Where it goes: absolute, http or https, without user name, password and fragment. This or endpoint_id.',
  ),
  endpoint_id: optional(
    endpointId,
    'Of a registered endpoint, whose URL, secret, limits and retries apply. This or url.',
  ),
  tenant: optional(
    tenant,
    'The customer that it belongs to, by the id that your application uses. Each tenant has its own idempotency keys.',
  ),
  body,
  headers: optional(webhookHeaders, 'Its own headers, 8 KiB at most. Some names are reserved.'),
  secret: optional(
    text().meta(utf8Length({ min: 1, max: 512 })),
    'Signs it. whsec_ and 24 to 64 bytes in base64, or any text of 1 to 512 bytes in UTF-8.',
  ),
  ...delivery,
});
