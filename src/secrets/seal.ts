import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyRing } from '../domain/key-ring.ts';
import { type SealedAs, sealText } from '../domain/sealed-text.ts';
import type { SecretType } from '../domain/signature.ts';

/** Seals a text with the current key; without a key ring, returns it unchanged. */
export function seal(
  text: string,
  { ring, as }: { readonly ring: KeyRing | undefined; readonly as: SealedAs },
): string {
  return ring === undefined ? text : sealText(text, { ring, as, nonce: randomBytes(12) });
}

/** Makes a new secret in the format of Standard Webhooks. */
export function makeSecret(type: SecretType): string {
  if (type === 'hmac') return `whsec_${randomBytes(32).toString('base64')}`;
  const { privateKey } = generateKeyPairSync('ed25519');
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
  const both = Buffer.concat([Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]);
  return `whsk_${both.toString('base64')}`;
}
