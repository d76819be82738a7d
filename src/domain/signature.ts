// Pure: no I/O, no clock, no randomness.

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/**
 * The HMAC key of a secret: after `whsec_` the bytes that follow in base64 (Standard Webhooks), else the text as UTF-8.
 *
 * Making a key costs more than signing with it: keep it for as long as the secret is in use.
 */
export function signingKey(secret: string): KeyObject {
  return createSecretKey(
    secret.startsWith('whsec_')
      ? Buffer.from(secret.slice('whsec_'.length), 'base64')
      : Buffer.from(secret, 'utf8'),
  );
}

export interface SignatureInput {
  readonly id: string;
  /** Unix time of the attempt, s. */
  readonly timestampS: number;
  /** Exactly what is sent. */
  readonly body: string | Buffer;
  /** One, or several while a secret is being rotated: receivers accept any match. */
  readonly keys: readonly KeyObject[];
}

export interface SignatureHeaders {
  readonly 'X-Webhook-Signature': string;
  readonly 'webhook-signature': string;
}

/**
 * Both signature headers, over the same timestamp.
 *
 * `X-Webhook-Signature: t=<s>,v1=<hex>` signs `t.body`; `webhook-signature: v1,<base64>` signs `id.t.body` (Standard
 * Webhooks 1.0.0). HMAC-SHA256 in both, one signature per key.
 */
export function signatureHeaders(input: SignatureInput): SignatureHeaders {
  const { id, timestampS, body, keys } = input;
  let dated = `t=${timestampS}`;
  let standard = '';
  for (const key of keys) {
    dated += `,v1=${createHmac('sha256', key).update(`${timestampS}.`).update(body).digest('hex')}`;
    const signature = createHmac('sha256', key)
      .update(`${id}.${timestampS}.`)
      .update(body)
      .digest('base64');
    standard += standard === '' ? `v1,${signature}` : ` v1,${signature}`;
  }
  return { 'X-Webhook-Signature': dated, 'webhook-signature': standard };
}
