import { z } from 'zod';
import type { SecretKeys } from '../judge/secrets.ts';
import type { Look } from '../look.ts';

const row = z.object({ key_id: z.string().nullable(), endpoints: z.int() });

/** With which keys the secrets of endpoints are sealed. */
export function readSecretKeys(look: Look): Promise<SecretKeys> {
  return look.all(row, 'select key_id, endpoints from posthorn.secret_keys');
}
