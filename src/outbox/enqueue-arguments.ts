// Pure: no I/O, no clock, no randomness.

import type {
  ContentArguments,
  EnqueueArguments,
  PublishArguments,
} from '../queries/enqueue-statement.ts';
import type { Content, NewWebhook } from './webhook.ts';

/**
 * Builds the arguments of posthorn.enqueue() for a webhook. It refuses only values that would be changed or lost on the
 * way; all other rules are CHECKs of posthorn.outbox, which hold for every producer.
 *
 * @throws TypeError when a string is not well-formed Unicode or holds a NUL, the body is not JSON, or a date is invalid.
 */
export function toEnqueueArguments(webhook: NewWebhook): EnqueueArguments {
  return {
    ...addressOf(webhook),
    secret: optionalText('secret', webhook.secret),
    ...contentOf(webhook),
  };
}

/** Builds the arguments of posthorn.publish() for an event, as {@link toEnqueueArguments} does for a webhook. */
export function toPublishArguments(
  event: Content<unknown> & { readonly eventType: string },
): PublishArguments {
  return { eventType: text('eventType', event.eventType), ...contentOf(event) };
}

function contentOf(given: Content<unknown>): ContentArguments {
  return {
    tenant: optionalText('tenant', given.tenant),
    body: bodyText(given.body),
    headers: given.headers === undefined ? null : headersText(given.headers),
    contentType: optionalText('contentType', given.contentType),
    priority: optionalText('priority', given.priority),
    sendAt: given.sendAt === undefined ? null : dateText(given.sendAt),
    maxAttempts: given.maxAttempts ?? null,
    idempotencyKey: optionalText('idempotencyKey', given.idempotencyKey),
    traceparent: optionalText('traceparent', given.traceparent),
  };
}

function addressOf({ url, endpointId }: NewWebhook): Pick<EnqueueArguments, 'url' | 'endpointId'> {
  if ((url === undefined) === (endpointId === undefined)) {
    throw new TypeError(
      `A webhook needs either a url or an endpointId: ${url === undefined ? 'both are missing' : 'both are given'}`,
    );
  }
  return { url: optionalText('url', url), endpointId: optionalText('endpointId', endpointId) };
}

function bodyText(body: unknown): string {
  if (typeof body === 'string') return text('body', body);
  const json = stringify(body);
  if (json === undefined) {
    throw new TypeError(
      `The body must be a string or a JSON value: this is of type ${typeof body}`,
    );
  }
  return json;
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

/** The message never repeats the value, which may be a secret. */
function text(name: string, value: string): string {
  const rule = brokenRuleOf(value);
  if (rule === undefined) return value;
  throw new TypeError(`The ${name} must ${rule}`);
}

function brokenRuleOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return `be a string: this is of type ${typeof value}`;
  // In UTF-8, a lone surrogate silently becomes U+FFFD.
  if (!value.isWellFormed()) return 'be well-formed Unicode: this has a lone surrogate';
  // Postgres texts cannot contain NUL.
  if (value.includes('\0')) return 'not contain NUL characters';
  return undefined;
}

function dateText(sendAt: Date): string {
  if (sendAt instanceof Date && !Number.isNaN(sendAt.getTime())) return sendAt.toISOString();
  throw new TypeError('The sendAt must be a valid Date: this is not one');
}
