// Pure: no I/O, no clock, no randomness.

import { reservedHeaders } from '../domain/reserved-headers.ts';
import type { ProblemPart } from './problem.ts';
import { brokenTableRule, type TableRule } from './table-rules.ts';

/** Every rule of posthorn.outbox. Its name is the problem's code; a test compares them with the SQL. */
export const outboxRules = {
  outbox_id_is_uuid_v7: { rule: 'id must be a UUID v7' },
  outbox_id_is_of_today: { rule: 'id must be a UUID v7 whose time is within a day of now' },
  outbox_id_is_given: { rule: 'id must not be null' },
  outbox_created_at_is_finite: { rule: 'time of creation must be finite' },
  outbox_has_a_url_an_endpoint_id_or_an_event_type: {
    rule: 'url or endpoint_id must be given, and not both',
  },
  outbox_endpoint_id_is_registered: {
    field: 'endpoint_id',
    rule: 'endpoint_id must be that of a registered endpoint that is not deleted',
  },
  outbox_url_is_http: {
    field: 'url',
    rule: 'url must be an absolute http or https URL without blanks, backslashes, user name, password and fragment',
  },
  outbox_url_is_at_most_2048_bytes: {
    field: 'url',
    rule: 'url must be at most 2048 bytes, with everything outside ASCII percent-encoded',
  },
  outbox_tenant_is_at_most_255_bytes: {
    field: 'tenant',
    rule: 'tenant must be at most 255 bytes in UTF-8, without control characters',
  },
  outbox_tenant_is_one_unless_it_is_an_event: {
    field: 'tenant',
    rule: 'tenant must not be "*": only an event can go to all tenants',
  },
  outbox_tenant_is_not_full: {
    field: 'tenant',
    rule: 'tenant must have fewer webhooks waiting: it is full, and refuses more until it has fewer',
  },
  outbox_event_type_is_words: {
    field: 'event_type',
    rule: 'event_type must be 1 to 16 words of letters, digits, _ and - with dots between them, at most 128 characters, like order.paid',
  },
  outbox_event_type_is_not_reserved: {
    field: 'event_type',
    rule: 'event_type must not begin with "posthorn.", because Posthorn\'s own events do',
  },
  outbox_event_has_no_secret: {
    rule: 'an event must have no secret, because each endpoint signs with its own',
  },
  outbox_defaults_are_not_null: {
    rule: 'content_type, priority, tenant and created_at must not be null',
  },
  outbox_body_is_given: { field: 'body', rule: 'body must be given' },
  outbox_body_is_at_most_1_mib: {
    field: 'body',
    rule: 'body must be at most 1 MiB (1048576 bytes) in UTF-8',
  },
  outbox_headers_is_object: {
    field: 'headers',
    rule: 'headers must be an object of strings',
  },
  outbox_headers_are_at_most_8_kib: {
    field: 'headers',
    rule: 'headers must be at most 8 KiB (8192 bytes) together, as JSON',
  },
  outbox_headers_values_are_strings: {
    field: 'headers',
    rule: 'header values must be strings',
  },
  outbox_headers_values_are_printable_ascii: {
    field: 'headers',
    rule: 'header values must be printable ASCII without line breaks and tabs',
  },
  outbox_headers_names_are_tokens: {
    field: 'headers',
    rule: "header names must be 1 to 128 letters, digits and characters of -!#$%&'*+.^_`|~",
  },
  outbox_headers_names_are_unique: {
    field: 'headers',
    rule: 'header names must differ in more than their case',
  },
  outbox_headers_names_are_not_reserved: {
    field: 'headers',
    rule: `headers must not name what the connection or Posthorn sets itself (${reservedHeaders.join(', ')})`,
  },
  outbox_secret_is_1_to_512_bytes: {
    field: 'secret',
    rule: 'secret must be 1 to 512 bytes in UTF-8',
  },
  outbox_secret_is_base64_after_whsec: {
    field: 'secret',
    rule: 'secret must be whsec_ and 24 to 64 bytes in base64, or any text that does not begin with whsec_',
  },
  outbox_secret_is_ed25519_after_whsk: {
    field: 'secret',
    rule: 'secret must be whsk_ and an Ed25519 seed with its public key (64 bytes) in base64, if it begins with whsk_',
  },
  outbox_content_type_is_media_type: {
    field: 'content_type',
    rule: 'content_type must be a media type such as application/json, of at most 255 bytes of ASCII',
  },
  outbox_priority_is_high_normal_or_low: {
    field: 'priority',
    rule: 'priority must be "high", "normal" or "low"',
  },
  outbox_send_at_is_within_a_year: {
    field: 'send_at',
    rule: 'send_at must be less than 366 days from now',
  },
  outbox_max_attempts_is_1_to_100: {
    field: 'max_attempts',
    rule: 'max_attempts must be a whole number from 1 to 100',
  },
  outbox_idempotency_key_is_1_to_255_printable_ascii: {
    field: 'idempotency_key',
    rule: 'idempotency_key must be 1 to 255 printable ASCII characters',
  },
  outbox_traceparent_is_w3c: {
    field: 'traceparent',
    rule: 'traceparent must be that of W3C Trace Context: version, trace id, parent id and flags in lower-case hex, like 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  },
} as const satisfies Readonly<Record<string, TableRule>>;

/** A broken rule for the answer. It never has the value, but the name of the header if that is known. */
export function brokenOutboxRule(
  name: string,
  { header }: { readonly header?: string } = {},
): ProblemPart {
  return brokenTableRule(name, {
    rules: outboxRules,
    table: 'outbox',
    header,
  });
}
