import { bytesOfBase64, utf8Of } from './bytes.ts';
import type { Subtle } from './web-crypto.ts';

/** The name of a kind of signature in `webhook-signature`: v1 is HMAC-SHA256, v1a is Ed25519. */
export type Scheme = 'v1' | 'v1a';

/** The bytes of a key that verifies, and what kind of signature it verifies. */
export interface VerifyingKey {
  readonly scheme: Scheme;
  readonly bytes: Uint8Array;
}

/** The secrets of a receiver. Those that are undefined are left out, so that an old one may be missing. */
export type Secrets = string | undefined | readonly (string | undefined)[];

/**
 * Reads the secrets of a receiver: `whsec_…` and `whpk_…` as in Standard Webhooks, and any other text as the HMAC key
 * itself.
 *
 * @throws TypeError when there is none, or one cannot be a key. The message does not show it.
 */
export function readSecrets(secrets: Secrets): readonly VerifyingKey[] {
  const given: readonly unknown[] = Array.isArray(secrets) ? secrets : [secrets];
  const keys = given.filter((secret) => secret !== undefined).map(readSecret);
  if (keys.length > 0) return keys;
  throw new TypeError(
    'The secret must be a text or a list of texts: it is undefined. Is the environment variable set?',
  );
}

function readSecret(secret: unknown): VerifyingKey {
  if (typeof secret !== 'string') {
    throw new TypeError(`The secret must be a text: this is of type ${typeof secret}`);
  }
  if (secret === '')
    throw new TypeError('The secret must not be empty: anybody could sign with it');
  if (secret.startsWith('whsk_')) {
    throw new TypeError(
      'whsk_ begins the private key, which only the sender needs: verify with the public key, which begins with whpk_',
    );
  }
  if (secret.startsWith('whpk_')) {
    const bytes = bytesOfBase64(secret.slice('whpk_'.length));
    if (bytes?.byteLength === 32) return { scheme: 'v1a', bytes };
    throw new TypeError('The public key must be whpk_ and 32 bytes in base64: this one is not');
  }
  if (!secret.startsWith('whsec_')) return { scheme: 'v1', bytes: utf8Of(secret) };
  const bytes = bytesOfBase64(secret.slice('whsec_'.length));
  if (bytes !== undefined && bytes.byteLength > 0) return { scheme: 'v1', bytes };
  throw new TypeError('The secret must have base64 after whsec_: this one has not');
}

/**
 * Whether a signature is that of the data by a key. Web Crypto compares in constant time. Bytes that are no point of the
 * curve verify nothing.
 */
export async function isSignedBy(
  key: VerifyingKey,
  {
    subtle,
    signature,
    data,
  }: { readonly subtle: Subtle; readonly signature: Uint8Array; readonly data: Uint8Array },
): Promise<boolean> {
  const algorithm = key.scheme === 'v1' ? { name: 'HMAC', hash: 'SHA-256' } : { name: 'Ed25519' };
  const imported = await subtle.importKey('raw', key.bytes, algorithm, false, ['verify']);
  return await subtle.verify(algorithm.name, imported, signature, data);
}
