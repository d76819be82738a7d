import type { Context } from 'hono';
import type { KeyRing } from '../domain/key-ring.ts';
import { publicKeyOf, type SecretType, secretTypeOf, secretTypes } from '../domain/signature.ts';
import { brokenEndpointRule } from '../input/endpoint-rules.ts';
import { described, oneOf, utf8Schema, wholeNumber } from '../input/fields.ts';
import { invalid, type Problem } from '../input/problem.ts';
import { type FieldSet, type FieldValues, readFields } from '../input/read-fields.ts';
import { readSecret } from '../input/secret-fields.ts';
import { findEndpoint } from '../queries/find-endpoint.ts';
import { rotateSecret } from '../queries/rotate-secret.ts';
import type { EndpointColumn } from '../queries/save-endpoint.ts';
import { makeSecret, seal } from '../secrets/seal.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { readMembers } from './route-input.ts';
import type { RouteOptions } from './webhook-routes.ts';

type Value = string | number | null;

/** The new secret of a request: its own, or one that is made; undefined when its own is of another type. */
export function newSecret(
  values: FieldValues<string>,
  usualType: SecretType,
): { readonly secret: string; readonly isMade: boolean } | undefined {
  const own = values.get('secret');
  const type = secretTypes.find((known) => known === values.get('secret_type'));
  if (typeof own !== 'string') return { secret: makeSecret(type ?? usualType), isMade: true };
  if (type !== undefined && type !== secretTypeOf(own)) return undefined;
  return { secret: own, isMade: false };
}

export const otherTypeProblem: Problem = invalid('invalid_endpoint', [
  {
    pointer: '/secret_type',
    code: 'invalid_secret_type',
    detail:
      'Cannot save the endpoint as secret_type must be that of the secret: "ed25519" of one that begins with whsk_, "hmac" of any other',
  },
]);

/** What only its maker knows is shown once: an HMAC secret that was made. Of Ed25519, receivers need the public key alone. */
export function shownOnce({ secret, isMade }: { secret: string; isMade: boolean }): object {
  return isMade && secretTypeOf(secret) === 'hmac' ? { secret } : {};
}

/** The fields of an endpoint as columns: what is secret sealed, and beside a secret its public half. */
export function toColumns(
  values: FieldValues<EndpointColumn>,
  { id, ring }: { readonly id: string; readonly ring: KeyRing | undefined },
): ReadonlyMap<EndpointColumn, Value> {
  const columns = new Map<EndpointColumn, Value>(values);
  const secret = values.get('secret');
  const headers = values.get('headers');
  if (typeof secret === 'string') {
    columns.set('secret', seal(secret, { ring, as: { endpointId: id, purpose: 'secret' } }));
  }
  if (secret !== undefined) {
    columns.set('public_key', typeof secret === 'string' ? publicKeyOf(secret) : null);
  }
  if (typeof headers === 'string' && ring !== undefined) {
    const sealed = seal(headers, { ring, as: { endpointId: id, purpose: 'headers' } });
    columns.set('headers', JSON.stringify(sealed));
  }
  return columns;
}

/** The columns of a new endpoint with this secret. How the secret is made is none of them. */
export function newColumns(
  values: FieldValues<EndpointColumn | 'secret_type'>,
  {
    secret,
    ...sealing
  }: { readonly id: string; readonly ring: KeyRing | undefined; readonly secret: string },
): ReadonlyMap<EndpointColumn, Value> {
  const columns = new Map<EndpointColumn, Value>();
  for (const [name, value] of values) if (name !== 'secret_type') columns.set(name, value);
  return toColumns(columns.set('secret', secret), sealing);
}

const mostOverlapS = 7 * 86_400;
const usualOverlapS = 86_400;

export const rotation: FieldSet<'secret' | 'secret_type' | 'overlap_s'> = {
  doing: 'rotate the secret',
  fields: {
    secret: {
      schema: utf8Schema({ min: 1, max: 512 }).describe('In place of one that is made up.'),
      read: readSecret,
    },
    secret_type: described('As before if not given.', oneOf(secretTypes)),
    overlap_s: described(
      `For how long the former secret signs too, s; ${usualOverlapS} if not given.`,
      wholeNumber(0, mostOverlapS),
    ),
  },
  required: [],
  ignoresNull: true,
  nullable: [],
  shown: ['secret_type', 'overlap_s'],
  brokenRule: brokenEndpointRule,
};

const requestBytes = 65_536;

/** What came of a rotation. */
type Rotated =
  | { readonly endpoint: object }
  | { readonly missing: true }
  | { readonly problem: Problem };

/** Gives an endpoint a new secret, beside which the one before signs for a while. The fields are JSON texts by name. */
export async function rotateEndpointSecret(
  members: ReadonlyMap<string, string>,
  { id, pool, keyRing: ring }: Pick<RouteOptions, 'pool' | 'keyRing'> & { readonly id: string },
): Promise<Rotated> {
  const { values, errors } = readFields(members, rotation);
  if (errors.length > 0) return { problem: invalid('invalid_endpoint', errors) };
  const endpoint = await findEndpoint(pool, id);
  if (endpoint === undefined) return { missing: true };
  const made = newSecret(values, endpoint.public_key === null ? 'hmac' : 'ed25519');
  if (made === undefined) return { problem: otherTypeProblem };
  const rotated = await rotateSecret(pool, {
    id,
    secret: seal(made.secret, { ring, as: { endpointId: id, purpose: 'secret' } }),
    publicKey: publicKeyOf(made.secret),
    overlapS: Number(values.get('overlap_s') ?? usualOverlapS),
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
    'Cannot rotate the secret as at most 3 may sign at the same time: 3 do; wait for the first of former_secrets to expire, or end them all with "overlap_s": 0',
};

/** POST /endpoints/{id}/secret/rotate. */
export async function rotate(
  c: Context<ApiEnv>,
  { id, options, notFound }: { id: string; options: RouteOptions; notFound: Problem },
): Promise<Response> {
  const members = await readMembers(c, { maximumBytes: requestBytes, isOptional: true });
  if ('kind' in members) return answerProblem(c, members);
  const rotated = await rotateEndpointSecret(members, { ...options, id });
  if ('problem' in rotated) return answerProblem(c, rotated.problem);
  return 'missing' in rotated ? answerProblem(c, notFound) : c.json(rotated.endpoint);
}
