// Pure: no I/O, no clock, no randomness.

import { reservedHeaders } from '../domain/reserved-headers.ts';
import type { ProblemPart } from './problem.ts';
import { brokenTableRule, type TableRule } from './table-rules.ts';

/** Every rule of posthorn.endpoints. Its name is the problem's code; a test compares them with the SQL. */
export const endpointRules = {
  endpoints_id_is_given: { rule: 'id must not be null' },
  endpoints_id_is_uuid_v7: { rule: 'id must be a UUID v7' },
  endpoints_deleted_is_final: { rule: 'a deleted endpoint must stay as it is' },
  endpoints_tenant_is_fixed: {
    field: 'tenant',
    rule: 'tenant must stay as it was when the endpoint was registered',
  },
  endpoints_tenant_is_at_most_255_bytes: {
    field: 'tenant',
    rule: 'tenant must be at most 255 bytes in UTF-8, without control characters',
  },
  endpoints_tenant_is_one: {
    field: 'tenant',
    rule: 'tenant must not be "*", because an endpoint belongs to one tenant',
  },
  endpoints_defaults_are_not_null: {
    rule: 'description, status, ordered, gone_answers and times must not be null',
  },
  endpoints_url_is_given: { field: 'url', rule: 'url must be given' },
  endpoints_url_is_http: {
    field: 'url',
    rule: 'url must be an absolute http or https URL without blanks, backslashes, user name, password and fragment',
  },
  endpoints_url_is_at_most_2048_bytes: {
    field: 'url',
    rule: 'url must be at most 2048 bytes, with everything outside ASCII percent-encoded',
  },
  endpoints_description_is_at_most_1_kib: {
    field: 'description',
    rule: 'description must be at most 1 KiB (1024 bytes) in UTF-8',
  },
  endpoints_secret_is_1_to_512_bytes: {
    field: 'secret',
    rule: 'secret must be 1 to 512 bytes in UTF-8',
  },
  endpoints_secret_is_base64_after_whsec: {
    field: 'secret',
    rule: 'secret must be whsec_ and 24 to 64 bytes in base64, or any text that does not begin with whsec_',
  },
  endpoints_secret_is_ed25519_after_whsk: {
    field: 'secret',
    rule: 'secret must be whsk_ and an Ed25519 seed with its public key (64 bytes) in base64, if it begins with whsk_',
  },
  endpoints_secret_is_not_like_sealed: {
    field: 'secret',
    rule: 'secret must not begin with sealed:, because encrypted secrets do',
  },
  endpoints_public_key_is_ed25519: {
    rule: 'public key must be whpk_ and 32 bytes in base64',
  },
  endpoints_former_secrets_are_at_most_2: {
    rule: 'former secrets must be at most 2',
  },
  endpoints_headers_is_object: {
    field: 'headers',
    rule: 'headers must be an object of strings',
  },
  endpoints_headers_are_at_most_8_kib: {
    field: 'headers',
    rule: 'headers must be at most 8 KiB (8192 bytes) together, as JSON',
  },
  endpoints_headers_values_are_strings: {
    field: 'headers',
    rule: 'header values must be strings',
  },
  endpoints_headers_values_are_printable_ascii: {
    field: 'headers',
    rule: 'header values must be printable ASCII without line breaks and tabs',
  },
  endpoints_headers_names_are_tokens: {
    field: 'headers',
    rule: "header names must be 1 to 128 letters, digits and characters of -!#$%&'*+.^_`|~",
  },
  endpoints_headers_names_are_unique: {
    field: 'headers',
    rule: 'header names must differ in more than their case',
  },
  endpoints_headers_names_are_not_reserved: {
    field: 'headers',
    rule: `headers must not name what the connection or Posthorn sets itself (${reservedHeaders.join(', ')})`,
  },
  endpoints_max_in_flight_is_1_to_10000: {
    field: 'max_in_flight',
    rule: 'max_in_flight must be a whole number from 1 to 10000',
  },
  endpoints_rate_limit_per_s_is_0_001_to_10000: {
    field: 'rate_limit_per_s',
    rule: 'rate_limit_per_s must be a number from 0.001 to 10000',
  },
  endpoints_timeout_ms_is_100_to_60000: {
    field: 'timeout_ms',
    rule: 'timeout_ms must be a whole number from 100 to 60000',
  },
  endpoints_retry_schedule_s_is_0_to_99_delays_of_at_most_30_days: {
    field: 'retry_schedule_s',
    rule: 'retry_schedule_s must be at most 99 whole numbers from 0 to 2592000',
  },
} as const satisfies Readonly<Record<string, TableRule>>;

export function brokenEndpointRule(
  name: string,
  { header }: { readonly header?: string } = {},
): ProblemPart {
  return brokenTableRule(name, {
    rules: endpointRules,
    table: 'endpoints',
    header,
  });
}
