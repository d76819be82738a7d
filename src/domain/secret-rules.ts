// Pure: no I/O, no clock, no randomness.

import { signingKey } from './signature.ts';

/** The rules for an endpoint's secret, named after their CHECKs. The CHECKs cannot see inside a sealed secret. */
export type SecretRule =
  | 'endpoints_secret_is_1_to_512_bytes'
  | 'endpoints_secret_is_not_like_sealed'
  | 'endpoints_secret_is_base64_after_whsec'
  | 'endpoints_secret_is_ed25519_after_whsk';

const whsec =
  /^whsec_(?:[A-Za-z0-9+/]{4}){8,21}(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$/;
const whsk = /^whsk_[A-Za-z0-9+/]{86}==$/;

/** The rule that a secret breaks; undefined when it may be used. */
export function brokenSecretRule(secret: string): SecretRule | undefined {
  const bytes = Buffer.byteLength(secret);
  if (bytes < 1 || bytes > 512) return 'endpoints_secret_is_1_to_512_bytes';
  if (secret.startsWith('sealed:')) return 'endpoints_secret_is_not_like_sealed';
  if (secret.startsWith('whsec_') && !whsec.test(secret)) {
    return 'endpoints_secret_is_base64_after_whsec';
  }
  if (secret.startsWith('whsk_') && !(whsk.test(secret) && isKey(secret))) {
    return 'endpoints_secret_is_ed25519_after_whsk';
  }
  return undefined;
}

function isKey(secret: string): boolean {
  try {
    signingKey(secret);
    return true;
  } catch {
    return false;
  }
}
