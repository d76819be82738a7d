// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { readJsonObject } from '../domain/json-text.ts';

/** A field's value as posthorn.enqueue() takes it, or what it must be instead. */
export type FieldResult =
  | { readonly ok: true; readonly value: string | number | null }
  | { readonly ok: false; readonly mustBe: string; readonly at?: string };

/**
 * How each field of POST /webhooks/send is read from its JSON text. Rules that Postgres' CHECKs state as well as here are
 * left to them, such as which headers are reserved: they hold for every producer, and name themselves when broken.
 */
export const sendFields = {
  url: (json) => readUrl(textOf(json)),
  /** A string is sent as that string, any other value as it was written. */
  body: (json) =>
    json.startsWith('"')
      ? orElse(textOf(json), 'well-formed Unicode without NUL, when it is a string')
      : { ok: true, value: json },
  headers: (json) => readHeaders(json),
  secret: (json) => orElse(textOf(json), 'a string of well-formed Unicode without NUL'),
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
  return orElse(key, '1 to 255 printable ASCII characters');
}

/** A JSON string that Postgres can store as it is: UTF-8 has no lone surrogates, and Postgres no NUL. */
function textOf(json: string): string | undefined {
  if (!json.startsWith('"')) return undefined;
  const text = String(JSON.parse(json));
  return text.isWellFormed() && !text.includes('\0') ? text : undefined;
}

function orElse(value: string | undefined, mustBe: string): FieldResult {
  return value === undefined ? { ok: false, mustBe } : { ok: true, value };
}

function among(allowed: readonly string[], value: string | undefined): string | undefined {
  return allowed.find((candidate) => candidate === value);
}

/** Normalised as browsers do. What the URL parser would mend silently (blanks, "\", "http:host") is refused. */
function readUrl(text: string | undefined): FieldResult {
  if (text === undefined || !/^https?:\/\/[^/\\?#]/i.test(text) || /[\s\\\p{Cc}]/u.test(text)) {
    return { ok: false, mustBe: 'an absolute http or https URL without blanks and backslashes' };
  }
  if (!URL.canParse(text)) return { ok: false, mustBe: 'a URL with a valid host and port' };
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    return {
      ok: false,
      mustBe: 'a URL without user name and password; sign with a secret instead',
    };
  }
  if (url.href.includes('#')) {
    return { ok: false, mustBe: 'a URL without a fragment, which HTTP does not send' };
  }
  return { ok: true, value: url.href };
}

/** Passed on as JSON text: Postgres makes the jsonb. Only what jsonb would drop or cannot hold is refused here. */
function readHeaders(json: string): FieldResult {
  const object = readJsonObject(json);
  if (!object.ok) {
    const mustBe = 'an object of strings in which each name comes once';
    return { ok: false, mustBe };
  }
  for (const [name, value] of object.members) {
    if (textOf(JSON.stringify(name)) === undefined || textOf(value) === undefined) {
      return { ok: false, mustBe: 'a string of printable ASCII', at: name };
    }
  }
  return { ok: true, value: json };
}

const time = z.iso.datetime({ offset: true });

/** A time that has passed means now. The upper bound is a CHECK's. */
function readTime(text: string | undefined): FieldResult {
  const at = time.safeParse(text).success ? new Date(text ?? '') : undefined;
  if (at === undefined || Number.isNaN(at.getTime()) || at.getUTCFullYear() < 1970) {
    return { ok: false, mustBe: 'an RFC 3339 time with a zone, like 2030-01-31T12:00:00Z' };
  }
  return { ok: true, value: at.toISOString() };
}

function readCount(json: string): FieldResult {
  const count = /^[-\d]/.test(json) ? Number(json) : Number.NaN;
  const isLegal = Number.isInteger(count) && count >= 1 && count <= 100;
  return isLegal
    ? { ok: true, value: count }
    : { ok: false, mustBe: 'a whole number from 1 to 100' };
}
