// Pure: no I/O, no clock, no randomness.

import type { Content, NewWebhook } from './webhook.ts';

/** A row for posthorn.outbox, with the names of its columns. Postgres gives the columns that are left out their defaults. */
export type Row = Readonly<Record<string, string | number | Readonly<Record<string, string>>>>;

/**
 * Builds the row of a webhook. It refuses only values that would be changed or lost on the way; all other rules are those
 * of posthorn.outbox, which hold for every producer.
 *
 * @throws TypeError when a string is not well-formed Unicode or holds a NUL, the body is not JSON, a date is invalid, or
 * maxAttempts is not an integer.
 */
export function webhookRow(webhook: NewWebhook): Row {
  requireObject('webhook', webhook);
  const { url, endpointId, secret } = webhook;
  if (isGiven(url) === isGiven(endpointId)) {
    throw new TypeError(
      `A webhook needs either a url or an endpointId: ${isGiven(url) ? 'both are given' : 'both are missing'}`,
    );
  }
  return given({
    url: optionalText('url', url),
    endpoint_id: optionalText('endpointId', endpointId),
    secret: optionalText('secret', secret),
    ...contentOf(webhook),
  });
}

/** Builds the row of an event, as {@link webhookRow} does for a webhook. */
export function eventRow(event: Content<unknown> & { readonly eventType: string }): Row {
  requireObject('event', event);
  return given({ event_type: text('eventType', event.eventType), ...contentOf(event) });
}

type Cells = Record<string, Row[string] | undefined>;

function contentOf(content: Content<unknown>): Cells {
  const { headers, sendAt, maxAttempts } = content;
  return {
    tenant: optionalText('tenant', content.tenant),
    body: bodyText(content.body),
    headers: isGiven(headers) ? checkedHeaders(headers) : undefined,
    content_type: optionalText('contentType', content.contentType),
    priority: optionalText('priority', content.priority),
    send_at: isGiven(sendAt) ? dateText(sendAt) : undefined,
    max_attempts: isGiven(maxAttempts) ? integer('maxAttempts', maxAttempts) : undefined,
    idempotency_key: optionalText('idempotencyKey', content.idempotencyKey),
    traceparent: optionalText('traceparent', content.traceparent),
  };
}

/** Null means the default, as it does in SQL. The types do not have it, but programs in JavaScript do. */
function isGiven<Value>(value: Value): value is NonNullable<Value> {
  return value !== undefined && value !== null;
}

function given(cells: Cells): Row {
  return Object.fromEntries(
    Object.entries(cells).filter((entry): entry is [string, Row[string]] => isGiven(entry[1])),
  );
}

function requireObject(name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new TypeError(`The ${name} must be an object: this is ${kindOf(value)}`);
}

function bodyText(body: unknown): string {
  if (typeof body === 'string') return text('body', body);
  const lost = nameOfLost(body);
  if (lost !== undefined) {
    throw new TypeError(
      `The body must be a string or a JSON value: this is a ${lost}, of which JSON does not have the contents`,
    );
  }
  const json = stringify(body);
  if (json === undefined) {
    throw new TypeError(`The body must be a string or a JSON value: this is ${kindOf(body)}`);
  }
  return json;
}

/**
 * The name of an object of which JSON.stringify() makes something else without a word: {} of a promise or a Map, a list of
 * numbers of bytes. Undefined: it is none of these.
 */
function nameOfLost(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  // A query that nobody has awaited has a then(), too.
  if (typeof Reflect.get(body, 'then') === 'function') return 'Promise';
  const name = tagOf(body);
  return lostNames.test(name) ? name : undefined;
}

const lostNames =
  /^(?:Map|Set|\w+Array|ArrayBuffer|SharedArrayBuffer|DataView|Blob|File|FormData|URLSearchParams|ReadableStream)$/;

/** The kind of a built-in object, such as Map, also of another realm. "Object" if it is plain, or of a class of a program. */
function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

/** Undefined for functions, symbols and undefined itself, although TypeScript says otherwise. */
function stringify(body: unknown): string | undefined {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    throw new TypeError(
      'The body must be a JSON value: this one has a cycle, a BigInt or a toJSON() that throws',
      { cause },
    );
  }
}

function checkedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  requireObject('headers', headers);
  // The entries of a Headers or a Map are no properties: they would be lost.
  if (tagOf(headers) !== 'Object') {
    throw new TypeError(
      `The headers must be a plain object: this is a ${tagOf(headers)}. Object.fromEntries() makes one of it`,
    );
  }
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      text('header name', name),
      text('header value', value),
    ]),
  );
}

function optionalText(name: string, value: string | null | undefined): string | undefined {
  return isGiven(value) ? text(name, value) : undefined;
}

/** The message never repeats the value, which may be a secret. */
function text(name: string, value: unknown): string {
  if (typeof value !== 'string') {
    throw new TypeError(`The ${name} must be a string: this is ${kindOf(value)}`);
  }
  // In UTF-8, a lone surrogate silently becomes U+FFFD. (isWellFormed() came with Node 20.)
  if (/\p{Surrogate}/u.test(value)) {
    throw new TypeError(`The ${name} must be well-formed Unicode: this has a lone surrogate`);
  }
  // Postgres texts cannot contain NUL.
  if (value.includes('\0')) {
    throw new TypeError(`The ${name} must not contain NUL characters`);
  }
  return value;
}

function integer(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new TypeError(`The ${name} must be an integer: this is not one`);
}

function dateText(sendAt: unknown): string {
  if (!(sendAt instanceof Date) || Number.isNaN(sendAt.getTime())) {
    throw new TypeError('The sendAt must be a valid Date: this is not one');
  }
  const date = sendAt.toISOString();
  // Postgres would take the digits of other years, +058885-…, for a time zone.
  if (/^\d{4}-/.test(date)) return date;
  throw new TypeError(
    'The sendAt must be a Date of the years 0 to 9999: this is not one. Was it made of milliseconds?',
  );
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `of type ${typeof value}`;
}
