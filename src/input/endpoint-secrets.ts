import type { DatabasePool } from 'slonik';
import type { KeyRing } from '../domain/key-ring.ts';
import { publicKeyOf, type SecretType, secretTypeOf } from '../domain/signature.ts';
import { findEndpoint } from '../queries/find-endpoint.ts';
import { rotateSecret } from '../queries/rotate-secret.ts';
import type { EndpointValues } from '../queries/save-endpoint.ts';
import { makeSecret, seal } from '../secrets/seal.ts';
import { secretRotation, usualOverlapS } from './endpoint-fields.ts';
import { invalid, type Problem } from './problem.ts';
import { readFields, type Values } from './read-fields.ts';

interface GivenSecret {
  readonly secret?: string | null | undefined;
  readonly secret_type?: SecretType | null | undefined;
}

/** The new secret of a request: the one that it brings, or one that is made up; undefined if it brings one of another type. */
export function newSecret(
  { secret, secret_type: type }: GivenSecret,
  usualType: SecretType,
): { readonly secret: string; readonly isMade: boolean } | undefined {
  if (typeof secret !== 'string') return { secret: makeSecret(type ?? usualType), isMade: true };
  return (type ?? secretTypeOf(secret)) === secretTypeOf(secret)
    ? { secret, isMade: false }
    : undefined;
}

export const otherTypeProblem: Problem = invalid('invalid_endpoint', [
  {
    pointer: '/secret_type',
    code: 'invalid_secret_type',
    detail:
      'secret_type must be that of the secret: "ed25519" if it begins with whsk_, and "hmac" if it does not',
  },
]);

/**
 * The part of a secret that is shown once. An HMAC secret that was made up is known only here. Receivers of Ed25519 need the
 * public key alone.
 */
export function shownOnce({ secret, isMade }: { secret: string; isMade: boolean }): object {
  return isMade && secretTypeOf(secret) === 'hmac' ? { secret } : {};
}

/** The columns of an endpoint: secret and headers are sealed, and the public key is added to the secret. */
export function toColumns(
  {
    secret,
    headers,
    ...values
  }: EndpointValues & GivenSecret & { headers?: string | null | undefined },
  { id, ring }: { readonly id: string; readonly ring: KeyRing | undefined },
): EndpointValues {
  const { secret_type: _, ...columns } = values;
  const sealed = (text: string, purpose: 'secret' | 'headers') =>
    seal(text, { ring, as: { endpointId: id, purpose } });
  return {
    ...columns,
    ...(typeof secret === 'string'
      ? { secret: sealed(secret, 'secret'), public_key: publicKeyOf(secret) }
      : secret === null && { secret, public_key: null }),
    ...(typeof headers === 'string' && ring !== undefined
      ? { headers: JSON.stringify(sealed(headers, 'headers')) }
      : headers !== undefined && { headers }),
  };
}

/** What came of a rotation. */
type Rotated =
  | { readonly endpoint: object }
  | { readonly missing: true }
  | { readonly problem: Problem };

/** Gives an endpoint a new secret. The former one signs too for a while. */
export async function rotateEndpointSecret(
  values: Values,
  {
    id,
    pool,
    keyRing: ring,
  }: { readonly id: string; readonly pool: DatabasePool; readonly keyRing?: KeyRing | undefined },
): Promise<Rotated> {
  const read = readFields(values, secretRotation);
  if (!read.ok) return { problem: invalid('invalid_endpoint', read.errors) };
  const endpoint = await findEndpoint(pool, id);
  if (endpoint === undefined) return { missing: true };
  const made = newSecret(read.fields, endpoint.public_key === null ? 'hmac' : 'ed25519');
  if (made === undefined) return { problem: otherTypeProblem };
  const rotated = await rotateSecret(pool, {
    id,
    secret: seal(made.secret, { ring, as: { endpointId: id, purpose: 'secret' } }),
    publicKey: publicKeyOf(made.secret),
    overlapS: read.fields.overlap_s ?? usualOverlapS,
  });
  switch (rotated) {
    case 'missing':
      return { missing: true };
    case 'too many':
      return { problem: tooManySecrets };
    case 'done':
      return { endpoint: { ...(await findEndpoint(pool, id)), ...shownOnce(made) } };
    default:
      return rotated satisfies never;
  }
}

const tooManySecrets: Problem = {
  kind: 'endpoint_state_conflict',
  code: 'too_many_secrets',
  detail:
    '3 secrets sign already, and more are not allowed; wait for the first of former_secrets to expire, or end them all with "overlap_s": 0',
};
