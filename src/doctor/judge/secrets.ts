// Pure: no I/O, no clock, no randomness.

import type { KeyRing } from '../../domain/key-ring.ts';
import { counted, listed } from '../amounts.ts';
import { type Finding, verdictsOf } from '../finding.ts';

const verdicts = verdictsOf(
  'secrets',
  'of endpoints are sealed with a key of the ring: whoever has the database or a backup cannot sign as you',
);

/** A null is plain text. */
export type SecretKeys = readonly { readonly key_id: string | null; readonly endpoints: number }[];

export function judgeSecrets(used: SecretKeys, ring: KeyRing | undefined): Finding {
  const plain = used.find(({ key_id }) => key_id === null)?.endpoints ?? 0;
  const ids = used.flatMap(({ key_id }) => (key_id === null ? [] : [key_id]));
  const missing = ids.filter((id) => ring?.keys.has(id) !== true);
  if (missing.length > 0) {
    return verdicts.fail(
      `the key ring of this environment lacks ${listed(missing)}: a worker with it holds what goes to their endpoints`,
      'Put the keys back into POSTHORN_ENCRYPTION_KEYS, or run the doctor with the workers\u2019 environment.',
    );
  }
  if (ring === undefined) {
    return plain === 0
      ? verdicts.ok('no endpoint has one')
      : verdicts.warn(
          `plain text, of ${counted(plain, 'endpoint')}`,
          'Set POSTHORN_ENCRYPTION_KEYS (docs/secrets.md): what is there is sealed then.',
        );
  }
  const old = ids.filter((id) => id !== ring.currentId);
  if (plain > 0 || old.length > 0) {
    return verdicts.warn(
      `not all are sealed with ${ring.currentId} yet: plain text of ${counted(plain, 'endpoint')}, other keys ${listed(old) || 'none'}`,
      'A worker does so within 5 minutes; posthorn secrets shows how far it is.',
    );
  }
  return verdicts.ok(`sealed with ${ring.currentId}`);
}
