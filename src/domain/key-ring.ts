// Pure: no I/O, no clock, no randomness.

import { createSecretKey, type KeyObject } from 'node:crypto';

/** The keys that secrets are sealed with. The first seals; all of them open. */
export interface KeyRing {
  readonly currentId: string;
  /** By id. */
  readonly keys: ReadonlyMap<string, KeyObject>;
}

export type KeyRingResult =
  | { readonly ok: true; readonly ring: KeyRing }
  /** Follows "X cannot be used: ". It names a key by its id or its place and never contains the key. */
  | { readonly ok: false; readonly rule: string };

const keyBytes = 32;
const maxKeys = 20;
const legalId = /^[A-Za-z0-9._-]{1,32}$/;

/** Reads `id:base64,id2:base64`. */
export function parseKeyRing(text: string): KeyRingResult {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length > maxKeys) return refused(`it must have at most ${maxKeys} keys`);
  const keys = new Map<string, KeyObject>();
  for (const [at, part] of parts.entries()) {
    const colon = part.indexOf(':');
    const id = part.slice(0, Math.max(colon, 0));
    // Without a colon, or before it, the text may be the key itself, so it is not repeated.
    if (!legalId.test(id)) {
      return refused(
        `each key must be id:base64, with an id of 1 to 32 letters, digits and ._-: key ${at + 1} is not`,
      );
    }
    if (keys.has(id)) return refused(`each key must have its own id: "${id}" appears twice`);
    const key = bytesOf(part.slice(colon + 1));
    if (key === undefined) {
      return refused(
        `each key must be ${keyBytes} bytes in base64, as "openssl rand -base64 ${keyBytes}" prints them: the key of "${id}" is not`,
      );
    }
    keys.set(id, createSecretKey(key));
  }
  const [currentId = ''] = keys.keys();
  return { ok: true, ring: { currentId, keys } };
}

/**
 * Joins two rings: the keys of the first, then those of the second whose ids are new; undefined when there is neither.
 */
export function joinKeyRings(
  first: KeyRing | undefined,
  second: KeyRing | undefined,
): KeyRing | undefined {
  if (first === undefined) return second;
  return { currentId: first.currentId, keys: new Map([...(second?.keys ?? []), ...first.keys]) };
}

function refused(rule: string): KeyRingResult {
  return { ok: false, rule };
}

/**
 * Buffer.from never throws and skips characters that it does not know. A text was base64 only if it encodes back to
 * itself.
 */
function bytesOf(base64: string): Buffer | undefined {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== keyBytes) return undefined;
  const canonical = bytes.toString('base64');
  return base64 === canonical || base64 === canonical.replace(/=+$/, '') ? bytes : undefined;
}
