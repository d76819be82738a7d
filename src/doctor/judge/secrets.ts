// Pure: no I/O, no clock, no randomness.

import type { KeyRing } from '../../domain/key-ring.ts';
import { counted, listed } from '../amounts.ts';
import { type Finding, verdictsOf } from '../finding.ts';

const verdicts = verdictsOf(
  'secrets',
  'of endpoints are sealed with a key of the ring: the database or a backup alone is not enough to sign as you',
);

/** The number of endpoints per key; null: plain text. */
export type SecretKeys = readonly { readonly key_id: string | null; readonly endpoints: number }[];

export function judgeSecrets(used: SecretKeys, ring: KeyRing | undefined): Finding {
  const plain = used.find(({ key_id }) => key_id === null)?.endpoints ?? 0;
  const ids = used.flatMap(({ key_id }) => (key_id === null ? [] : [key_id]));
  const missing = ids.filter((id) => ring?.keys.has(id) !== true);
  if (missing.length > 0) {
    return verdicts.fail(
      `the key ring of this environment lacks ${listed(missing)}: a worker with it holds the webhooks to these endpoints`,
      'Put the keys back into POSTHORN_ENCRYPTION_KEYS, or run the doctor with the workers\u2019 environment.',
    );
  }
  if (ring === undefined) {
    return plain === 0
      ? verdicts.ok('no endpoint has a secret')
      : verdicts.warn(
          `plain text, of ${counted(plain, 'endpoint')}`,
          'Set POSTHORN_ENCRYPTION_KEYS (docs/secrets.md): existing secrets are then sealed.',
        );
  }
  const old = ids.filter((id) => id !== ring.currentId);
  if (plain > 0 || old.length > 0) {
    return verdicts.warn(
      `not all are sealed with ${ring.currentId} yet: plain text of ${counted(plain, 'endpoint')}, other keys ${listed(old) || 'none'}`,
      'A worker seals them within 5 minutes; "posthorn secrets" shows the progress.',
    );
  }
  return verdicts.ok(`sealed with ${ring.currentId}`);
}
