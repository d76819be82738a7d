import { createHash } from 'node:crypto';
import { type KeyRing, parseKeyRing } from '../../src/domain/key-ring.ts';

/** POSTHORN_ENCRYPTION_KEYS with these ids; a key follows from its id. */
export function ringText(...ids: string[]): string {
  return ids.map((id) => `${id}:${keyOf(id)}`).join(',');
}

export function ringOf(...ids: string[]): KeyRing {
  const parsed = parseKeyRing(ringText(...ids));
  if (!parsed.ok) throw new Error(parsed.rule);
  return parsed.ring;
}

/** In base64. */
export function keyOf(id: string): string {
  return createHash('sha256').update(`a key for tests ${id}`).digest('base64');
}
