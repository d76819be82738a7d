// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { isCanonicalUuid } from './canonical-uuid.ts';
import { type FieldResult, orElse, refused } from './read-fields.ts';
import { readHeaders } from './send-headers.ts';
import { textOf } from './send-text.ts';

/**
 * How each field of POST /webhooks/send is read from its JSON text. Rules that Postgres' CHECKs state as well as here are
 * left to them, such as what a secret looks like: they hold for every producer, and name themselves when broken. Those on
 * single headers are looked at here too, as a CHECK cannot say which header it was.
 */
export const sendFields = {
  url: readTarget,
  endpoint_id: (json) => readEndpointId(textOf(json)),
  /** A string is sent as that string, any other value as it was written. */
  body: (json) =>
    json.startsWith('"')
      ? orElse(textOf(json), 'well-formed Unicode without NUL, when it is a string')
      : { ok: true, value: json },
  headers: readHeaders,
  secret: readText,
  content_type: (json) => orElse(textOf(json), 'a media type'),
  priority: (json) =>
    orElse(among(['high', 'normal', 'low'], textOf(json)), '"high", "normal" or "low"'),
  send_at: (json) => readTime(textOf(json)),
  max_attempts: (json) => readCount(json),
  idempotency_key: (json) => readIdempotencyKey(textOf(json)),
  traceparent: (json) => orElse(textOf(json), 'a W3C traceparent'),
} as const satisfies Readonly<Record<string, (json: string) => FieldResult>>;

export type SendField = keyof typeof sendFields;

/** 1 to 255 printable ASCII characters: the field and the header. */
export function readIdempotencyKey(text: string | undefined): FieldResult {
  const key = text !== undefined && /^[ -~]{1,255}$/.test(text) ? text : undefined;
  return orElse(key, idempotencyKeyRule);
}

export const idempotencyKeyRule = '1 to 255 printable ASCII characters';

function among(allowed: readonly string[], value: string | undefined): string | undefined {
  return allowed.find((candidate) => candidate === value);
}

/** Normalised as browsers do. What the URL parser would mend silently (blanks, "\", "http:host") is refused. */
export function readUrl(json: string): FieldResult {
  const text = textOf(json);
  if (text === undefined || !/^https?:\/\/[^/\\?#]/i.test(text) || /[\s\\\p{Cc}]/u.test(text)) {
    return refused('an absolute http or https URL without blanks and backslashes');
  }
  if (!URL.canParse(text)) return refused('a URL with a valid host and port');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    return refused('a URL without user name and password; sign with a secret instead');
  }
  if (url.href.includes('#')) {
    return refused('a URL without a fragment, which HTTP does not send');
  }
  return { ok: true, value: url.href };
}

/** A URL to send to. What has no port, or a name that DNS cannot have, would fail at each attempt. */
export function readTarget(json: string): FieldResult {
  const read = readUrl(json);
  return read.ok && !canBeReached(new URL(String(read.value)))
    ? refused('a URL with a valid host and port')
    : read;
}

function canBeReached({ hostname, port }: URL): boolean {
  const name = hostname.replace(/\.$/, '');
  return port !== '0' && name.length <= 253 && name.split('.').every(isLabel);
}

function isLabel(label: string): boolean {
  return label.length >= 1 && label.length <= 63;
}

export function readText(json: string): FieldResult {
  return orElse(textOf(json), 'a string of well-formed Unicode without NUL');
}

function readEndpointId(text: string | undefined): FieldResult {
  const id = text !== undefined && isCanonicalUuid(text) ? text : undefined;
  return orElse(id, 'the id of an endpoint: a UUID in lower case with dashes');
}

const time = z.iso.datetime({ offset: true });

/** A time that has passed means now. The upper bound is a CHECK's. */
export function readTime(text: string | undefined): FieldResult {
  const at = time.safeParse(text).success ? new Date(text ?? '') : undefined;
  if (at === undefined || Number.isNaN(at.getTime()) || at.getUTCFullYear() < 1970) {
    return refused('an RFC 3339 time with a zone, like 2030-01-31T12:00:00Z');
  }
  return { ok: true, value: at.toISOString() };
}

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

function readCount(json: string): FieldResult {
  return readNumber(json, { min: 1, max: 100, isWhole: true });
}

/** A number of a field, within bounds. */
export function readNumber(
  json: string,
  { min, max, isWhole }: { readonly min: number; readonly max: number; readonly isWhole: boolean },
): FieldResult {
  const value = /^[-\d]/.test(json) ? Number(json) : Number.NaN;
  const isLegal = value >= min && value <= max && (!isWhole || Number.isInteger(value));
  const kind = isWhole ? 'a whole number' : 'a number';
  return isLegal ? { ok: true, value } : refused(`${kind} from ${min} to ${max}`);
}
