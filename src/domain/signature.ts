// Pure: no I/O, no clock, no randomness.

import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  sign,
} from 'node:crypto';

/**
 * How a secret signs: by HMAC-SHA256, which the receiver checks with the same secret, or by Ed25519, which it checks
 * with the public key.
 */
export const secretTypes = ['hmac', 'ed25519'] as const;

export type SecretType = (typeof secretTypes)[number];

const ed25519Prefix = 'whsk_';

export function secretTypeOf(secret: string): SecretType {
  return secret.startsWith(ed25519Prefix) ? 'ed25519' : 'hmac';
}

/**
 * The key of a secret. After `whsec_` the HMAC key's bytes follow in base64 (Standard Webhooks), after `whsk_` 32 bytes of
 * an Ed25519 seed and 32 of its public key; any other text is the HMAC key as UTF-8.
 *
 * Making a key costs more than signing with it: keep it for as long as the secret is in use.
 *
 * @throws when the text after `whsk_` is not a key.
 */
export function signingKey(secret: string): KeyObject {
  if (secret.startsWith('whsec_')) {
    return createSecretKey(Buffer.from(secret.slice('whsec_'.length), 'base64'));
  }
  if (secretTypeOf(secret) === 'hmac') return createSecretKey(Buffer.from(secret, 'utf8'));
  const bytes = Buffer.from(secret.slice(ed25519Prefix.length), 'base64');
  const key = bytes.length === 64 ? ed25519KeyOf(bytes.subarray(0, 32)) : undefined;
  if (key === undefined || !publicBytesOf(key).equals(bytes.subarray(32))) {
    throw new Error('the text after whsk_ must be an Ed25519 seed and its public key');
  }
  return key;
}

/**
 * The public key as `whpk_…`, which a receiver verifies with; null for an HMAC secret. @throws as {@link signingKey}.
 */
export function publicKeyOf(secret: string): string | null {
  if (secretTypeOf(secret) === 'hmac') return null;
  return `whpk_${publicBytesOf(signingKey(secret)).toString('base64')}`;
}

/** An Ed25519 key in PKCS #8 is always these bytes and the seed. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

function ed25519KeyOf(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
}

function publicBytesOf(key: KeyObject): Buffer {
  return Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url');
}

export interface SignatureInput {
  readonly id: string;
  /** Unix time of the attempt, s. */
  readonly timestampS: number;
  /** Exactly what is sent. */
  readonly body: string | Buffer;
  /** One, or several while a secret is being rotated, newest first: receivers accept any match. */
  readonly keys: readonly KeyObject[];
}

export interface SignatureHeaders {
  /** Empty, and not to be sent, when none of the keys is for HMAC. */
  readonly 'X-Webhook-Signature': string;
  readonly 'webhook-signature': string;
}

/**
 * Both signature headers, over the same timestamp, one signature per key.
 *
 * `X-Webhook-Signature: t=<s>,v1=<hex>` signs `t.body` by HMAC-SHA256; `webhook-signature: v1,<base64>` signs `id.t.body`
 * (Standard Webhooks 1.0.0), with `v1a,` before it by Ed25519.
 */
export function signatureHeaders(input: SignatureInput): SignatureHeaders {
  const { id, timestampS, body, keys } = input;
  let dated = '';
  let standard = '';
  for (const key of keys) {
    const separator = standard === '' ? '' : ' ';
    if (key.type === 'private') {
      const signed = Buffer.concat([Buffer.from(`${id}.${timestampS}.`), bytesOf(body)]);
      standard += `${separator}v1a,${sign(null, signed, key).toString('base64')}`;
      continue;
    }
    if (dated === '') dated = `t=${timestampS}`;
    dated += `,v1=${createHmac('sha256', key).update(`${timestampS}.`).update(body).digest('hex')}`;
    const signature = createHmac('sha256', key)
      .update(`${id}.${timestampS}.`)
      .update(body)
      .digest('base64');
    standard += `${separator}v1,${signature}`;
  }
  return { 'X-Webhook-Signature': dated, 'webhook-signature': standard };
}

function bytesOf(body: string | Buffer): Buffer {
  return typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
}
