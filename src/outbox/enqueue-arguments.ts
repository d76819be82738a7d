// Pure: no I/O, no clock, no randomness.

import type { EnqueueArguments } from '../queries/enqueue-statement.ts';
import type { NewWebhook } from './webhook.ts';

/**
 * What posthorn.enqueue() gets for a webhook. Only what would arrive changed, or not at all, is refused here; all other
 * rules are the CHECKs of posthorn.outbox, which hold for every producer.
 *
 * @throws TypeError when a string is not well-formed Unicode or holds a NUL, the body is not JSON, or a date is invalid.
 */
export function toEnqueueArguments(webhook: NewWebhook): EnqueueArguments {
  return {
    ...addressOf(webhook),
    body: bodyText(webhook.body),
    headers: webhook.headers === undefined ? null : headersText(webhook.headers),
    secret: optionalText('secret', webhook.secret),
    contentType: optionalText('contentType', webhook.contentType),
    priority: optionalText('priority', webhook.priority),
    sendAt: webhook.sendAt === undefined ? null : dateText(webhook.sendAt),
    maxAttempts: webhook.maxAttempts ?? null,
    idempotencyKey: optionalText('idempotencyKey', webhook.idempotencyKey),
    traceparent: optionalText('traceparent', webhook.traceparent),
  };
}

function addressOf({ url, endpointId }: NewWebhook): Pick<EnqueueArguments, 'url' | 'endpointId'> {
  if ((url === undefined) === (endpointId === undefined)) {
    throw new TypeError(
      `Cannot enqueue a webhook as its url or its endpointId must be given: ${url === undefined ? 'both are missing' : 'both are there'}`,
    );
  }
  return { url: optionalText('url', url), endpointId: optionalText('endpointId', endpointId) };
}

function bodyText(body: string | object): string {
  if (typeof body === 'string') return text('body', body);
  const json = stringify(body);
  if (json === undefined) {
    throw new TypeError(
      `Cannot enqueue a webhook as its body must be a string or a JSON value: current type is ${typeof body}`,
    );
  }
  return json;
}

/** Undefined for functions, symbols and undefined itself, whatever TypeScript says of the result. */
function stringify(body: object): string | undefined {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    throw new TypeError(
      'Cannot enqueue a webhook as its body must be a JSON value: it has a cycle, a BigInt or a toJSON() that throws',
      { cause },
    );
  }
}

function headersText(headers: Readonly<Record<string, string>>): string {
  for (const [name, value] of Object.entries(headers)) {
    text('header name', name);
    text('header value', value);
  }
  return JSON.stringify(headers);
}

function optionalText(name: string, value: string | undefined): string | null {
  return value === undefined ? null : text(name, value);
}

/** The value itself is never repeated: it may be a secret. */
function text(name: string, value: string): string {
  const rule = brokenRuleOf(value);
  if (rule === undefined) return value;
  throw new TypeError(`Cannot enqueue a webhook as its ${name} must ${rule}`);
}

function brokenRuleOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return `be a string: current type is ${typeof value}`;
  // Encoded as UTF-8, a lone surrogate becomes U+FFFD without a word.
  if (!value.isWellFormed()) return 'be well-formed Unicode: there is a lone surrogate in it';
  // Postgres has no NUL in text.
  if (value.includes('\0')) return 'not contain NUL: there is one in it';
  return undefined;
}

function dateText(sendAt: Date): string {
  if (sendAt instanceof Date && !Number.isNaN(sendAt.getTime())) return sendAt.toISOString();
  throw new TypeError('Cannot enqueue a webhook as its sendAt must be a valid Date: it is not one');
}
