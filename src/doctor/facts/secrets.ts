import { z } from 'zod';
import type { SecretKeys } from '../judge/secrets.ts';
import type { Look } from '../look.ts';

const row = z.object({ key_id: z.string().nullable(), endpoints: z.int() });

/** Reads which keys seal the secrets of endpoints. */
export function readSecretKeys(look: Look): Promise<SecretKeys> {
  return look.all(row, 'select key_id, endpoints from posthorn.secret_keys');
}
