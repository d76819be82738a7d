// Pure: no I/O, no clock, no randomness.

import { bytesOfBase64, bytesOfHex } from './bytes.ts';
import type { Scheme } from './keys.ts';
import { WebhookVerificationError } from './verification-error.ts';

/** Headers of a request: those of fetch, or of Node and its frameworks. Names may be in any case. */
export type HeadersGiven =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The header to verify. `webhook-signature` is that of Standard Webhooks, and signs the id too. `x-webhook-signature` does not,
 * so that whoever has seen a request can send it again under another id, as long as its time is tolerated.
 */
export type SignatureHeader = 'webhook-signature' | 'x-webhook-signature';

/** What the headers say about the signatures of a request. */
export interface Signed {
  readonly id: string;
  /** Unix time, s. */
  readonly timestampS: number;
  /** What was signed, up to the body. */
  readonly head: string;
  readonly signatures: readonly { readonly scheme: Scheme; readonly bytes: Uint8Array }[];
}

/** Posthorn sends three at most, while a secret is rotated. Each one costs a hash of the body. */
const mostSignatures = 10;

/** Reads the signatures of a request. @throws WebhookVerificationError when there is none, or they cannot be read. */
export function readSignatures(headers: HeadersGiven, header: SignatureHeader): Signed {
  const id = needed(headers, 'webhook-id');
  checkId(id);
  const value = needed(headers, header);
  const signed =
    header === 'webhook-signature'
      ? readStandard(value, { id, timestamp: needed(headers, 'webhook-timestamp') })
      : readDated(value, id);
  if (signed.signatures.length > mostSignatures) {
    throw malformed(`${header} must have at most ${mostSignatures} signatures: it has more`);
  }
  if (signed.signatures.length > 0) return signed;
  throw malformed(`${header} must hold a signature of a kind that is known here: it does not`);
}

/**
 * What is signed has no marks between id, time and body but dots. If the body begins with a number and a dot, all of it could be read
 * with a part of the body as the time: as `<id>.<time>` and the rest, or, of x-webhook-signature, as `<time>` and the rest. No id of
 * Posthorn is like that.
 */
function checkId(id: string): void {
  if (!id.includes('.') && !/^\d+$/.test(id)) return;
  throw malformed(
    'webhook-id must have no dot, and be no number alone: the id is not one of Posthorn',
  );
}

/** `v1,<base64> v1a,<base64>` over id.timestamp.body. Kinds that a later version of the standard may add are passed over. */
function readStandard(
  value: string,
  { id, timestamp }: { readonly id: string; readonly timestamp: string },
): Signed {
  const signatures = value.split(' ').flatMap((text): Signed['signatures'] => {
    const [scheme, encoded = ''] = text.split(',', 2);
    const bytes = bytesOfBase64(encoded);
    return (scheme === 'v1' || scheme === 'v1a') && bytes !== undefined ? [{ scheme, bytes }] : [];
  });
  const timestampS = readTime(timestamp, 'webhook-timestamp');
  return { id, timestampS, head: `${id}.${timestamp}.`, signatures };
}

/** `t=<s>,v1=<hex>,v1=<hex>` over timestamp.body. */
function readDated(value: string, id: string): Signed {
  const [dated = '', ...rest] = value.split(',');
  const timestamp = dated.startsWith('t=') ? dated.slice('t='.length) : '';
  const signatures = rest.flatMap((text) => {
    const bytes = text.startsWith('v1=') ? bytesOfHex(text.slice('v1='.length)) : undefined;
    return bytes === undefined ? [] : [{ scheme: 'v1', bytes } as const];
  });
  const timestampS = readTime(timestamp, 't in x-webhook-signature');
  return { id, timestampS, head: `${timestamp}.`, signatures };
}

function readTime(text: string, what: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw malformed(`${what} must be a Unix time in seconds: it is not`);
}

function needed(headers: HeadersGiven, name: string): string {
  const value = headerOf(headers, name);
  if (value !== undefined && value !== '') return value;
  const why =
    name === 'webhook-id' || name === 'webhook-timestamp'
      ? 'the request does not come from Posthorn, or something on the way has removed it'
      : 'the webhook has no secret, or the request does not come from Posthorn';
  throw new WebhookVerificationError('missing_header', `${name} is missing: ${why}`);
}

/** The value of a header; undefined when it is missing. @throws WebhookVerificationError when it is there twice. */
export function headerOf(headers: HeadersGiven, name: string): string | undefined {
  if (isFetchHeaders(headers)) return headers.get(name) ?? undefined;
  const values = Object.entries(headers)
    .filter(([given]) => given.toLowerCase() === name)
    .flatMap(([, value]) => value ?? []);
  if (values.length <= 1) return values[0];
  throw malformed(`${name} must be there once: it is there ${values.length} times`);
}

function isFetchHeaders(
  headers: HeadersGiven,
): headers is Extract<HeadersGiven, { get(name: string): string | null }> {
  return typeof headers.get === 'function';
}

function malformed(message: string): WebhookVerificationError {
  return new WebhookVerificationError('malformed_header', message);
}
