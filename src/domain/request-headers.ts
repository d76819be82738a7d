// Pure: no I/O, no clock, no randomness.

import type { KeyObject } from 'node:crypto';
import { isReservedHeader } from './reserved-headers.ts';
import { signatureHeaders } from './signature.ts';

export interface HeaderInput {
  /** The webhook's own. */
  readonly id: string;
  /** The event's, which is the same at all endpoints; without an event, the webhook's own. */
  readonly messageId: string;
  readonly body: string | Buffer;
  /** The endpoint's headers; the producer's own override them. */
  readonly endpointHeaders?: Readonly<Record<string, string>> | null;
  /** The producer's own headers. */
  readonly headers: Readonly<Record<string, string>> | null;
  readonly contentType: string;
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
  /** 1 for the first. */
  readonly attempt: number;
}

export interface HeaderContext {
  /** Unix time of this attempt, s. */
  readonly timestampS: number;
  /** Posthorn's version, for User-Agent. */
  readonly version: string;
  /** Empty: not signed. */
  readonly keys: readonly KeyObject[];
}

/**
 * All headers of a request but Host, Connection and Content-Length, as a flat list of names and values.
 *
 * The producer's headers override the endpoint's, and ours override both. The ids are the same in every attempt; the
 * signatures are new in each.
 */
export function requestHeaders(webhook: HeaderInput, context: HeaderContext): string[] {
  const { id, messageId, body } = webhook;
  const { timestampS, version, keys } = context;
  const headers = customHeaders(webhook.endpointHeaders ?? null, webhook.headers);
  if (!names(headers, /^user-agent$/i)) headers.push('User-Agent', `Posthorn/${version}`);
  // Every HTTP client sends Accept, and some firewalls refuse requests without it (rule 920300 of the OWASP core rule
  // set).
  if (!names(headers, /^accept$/i)) headers.push('Accept', '*/*');
  const timestamp = String(timestampS);
  headers.push(
    'Content-Type',
    webhook.contentType,
    'X-Webhook-ID',
    id,
    'X-Webhook-Timestamp',
    timestamp,
    'X-Webhook-Attempt',
    String(webhook.attempt),
    'Idempotency-Key',
    webhook.idempotencyKey ?? messageId,
    'webhook-id',
    messageId,
    'webhook-timestamp',
    timestamp,
  );
  if (webhook.traceparent !== null) headers.push('traceparent', webhook.traceparent);
  if (keys.length > 0) {
    const signatures = signatureHeaders({ id: messageId, timestampS, body, keys });
    const dated = signatures['X-Webhook-Signature'];
    if (dated !== '') headers.push('X-Webhook-Signature', dated);
    headers.push('webhook-signature', signatures['webhook-signature']);
  }
  return headers;
}

/** Whether a flat list of names and values has a name. */
function names(headers: readonly string[], name: RegExp): boolean {
  return headers.some((text, index) => index % 2 === 0 && name.test(text));
}

/** Drops reserved names. A CHECK refuses them at INSERT already; a row that slipped through must not get them in. */
function customHeaders(...layers: readonly (Readonly<Record<string, string>> | null)[]): string[] {
  if (layers.every((headers) => headers === null)) return [];
  const byName = new Map<string, [name: string, value: string]>();
  for (const [name, value] of layers.flatMap((headers) => Object.entries(headers ?? {}))) {
    if (!isReservedHeader(name)) byName.set(name.toLowerCase(), [name, value]);
  }
  return [...byName.values()].flat();
}
