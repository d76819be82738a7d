// Pure: no I/O, no clock, no randomness.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';

/** What a sealed text is: an endpoint's secret, or its headers. A text opens only as what it was sealed as. */
export interface SealedAs {
  readonly endpointId: string;
  readonly purpose: 'secret' | 'headers';
}

export type OpenedText =
  | { readonly ok: true; readonly text: string }
  /** missing: its key is not in the ring. wrong: the key does not fit, or the text was changed or moved. */
  | { readonly ok: false; readonly why: 'missing' | 'wrong'; readonly keyId: string };

const prefix = 'sealed:';
const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Whether a text of an endpoint is sealed; if not, it is plain. */
export function isSealed(text: string): boolean {
  return text.startsWith(prefix);
}

/** The id of the key that a text is sealed with; undefined when it is plain. */
export function keyIdOf(text: string): string | undefined {
  return isSealed(text) ? text.split(':', 3)[2] : undefined;
}

/**
 * Seals a text with the ring's current key, by AES-256-GCM: `sealed:v1:<key id>:<base64 of nonce, tag and ciphertext>`.
 * The nonce must be random: with one key, 2^32 of them are safe.
 */
export function sealText(
  text: string,
  { ring, as, nonce }: { readonly ring: KeyRing; readonly as: SealedAs; readonly nonce: Buffer },
): string {
  const { currentId, keys } = ring;
  const key = keys.get(currentId);
  if (key === undefined)
    throw new Error('The key ring has no current key, so nothing can be sealed');
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(boundTo(currentId, as));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  const bytes = Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
  return `${prefix}v1:${currentId}:${bytes.toString('base64')}`;
}

/** Opens a text that {@link sealText} sealed; returns a plain text unchanged. */
export function openText(
  text: string,
  { ring, as }: { readonly ring: KeyRing | undefined; readonly as: SealedAs },
): OpenedText {
  if (!isSealed(text)) return { ok: true, text };
  const [, version, keyId = '', base64 = ''] = text.split(':');
  const key = ring?.keys.get(keyId);
  if (key === undefined) return { ok: false, why: 'missing', keyId };
  const bytes = Buffer.from(base64, 'base64');
  if (version !== 'v1' || bytes.length < nonceBytes + tagBytes) {
    return { ok: false, why: 'wrong', keyId };
  }
  try {
    // With no authTagLength, Node would accept a tag of 4 bytes, which can be guessed.
    const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(boundTo(keyId, as));
    decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
    const opened = decipher.update(bytes.subarray(nonceBytes + tagBytes));
    return { ok: true, text: Buffer.concat([opened, decipher.final()]).toString('utf8') };
  } catch {
    return { ok: false, why: 'wrong', keyId };
  }
}

/**
 * Binds a text to its place: a secret that was moved to another endpoint, or headers in place of a secret, do not open.
 */
function boundTo(keyId: string, { endpointId, purpose }: SealedAs): Buffer {
  return Buffer.from(`posthorn v1 ${keyId} endpoint ${endpointId} ${purpose}`);
}
