import type { Context } from 'hono';
import { catchUpRequest, usualCatchUpRatePerS } from '../input/catch-up-fields.ts';
import { actionRequest, type EndpointAction, refusalOf } from '../input/endpoint-actions.ts';
import { endpointChange, newEndpoint } from '../input/endpoint-fields.ts';
import {
  newSecret,
  otherTypeProblem,
  rotateEndpointSecret,
  shownOnce,
  toColumns,
} from '../input/endpoint-secrets.ts';
import { notFound } from '../input/problem.ts';
import { fieldsOf, type Request } from '../input/read-fields.ts';
import { body } from '../input/send-fields.ts';
import { oversize } from '../input/send-request.ts';
import { problemOfFilters } from '../input/subscription-filter.ts';
import { cancelCatchUp, catchUp as queueMissed } from '../queries/catch-ups.ts';
import { endpointStatuses } from '../queries/endpoint-row.ts';
import { findEndpoint } from '../queries/find-endpoint.ts';
import { listEndpoints } from '../queries/list-endpoints.ts';
import { changeEndpoint, createEndpoint, newEndpointId } from '../queries/save-endpoint.ts';
import { sendTest } from '../queries/send-test.ts';
import { setEndpointStatus, setStatusWithoutCatchUp } from '../queries/set-endpoint-status.ts';
import { answerAccepted } from './accepted.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { listParameters, readListRequest } from './list-request.ts';
import { nameParameter, searchText } from './parameters.ts';
import { readRequest, readRequestValues } from './route-input.ts';
import { defaultBodyLimitBytes, type RouteOptions, requestLimit } from './route-options.ts';

/** The query parameters of a list of endpoints. */
export const endpointListSet = {
  ...listParameters(endpointStatuses),
  tenant: nameParameter('Those of this tenant. Empty: of the application itself.'),
  q: searchText('Somewhere in the URL or the description, in upper or lower case; or an id.'),
};

interface Target {
  readonly id: string;
  readonly options: RouteOptions;
}

/** The fields of an endpoint take a few KiB. */
const maxBytes = 65_536;
const fields = { kind: 'invalid_endpoint', maxBytes, isOptional: false } as const;

export async function create(c: Context<ApiEnv>, options: RouteOptions): Promise<Response> {
  const read = await readRequest(c, newEndpoint, fields);
  if (!read.ok) return answerProblem(c, read.problem);
  const { subscriptions: given, ...settings } = read.fields;
  const made = newSecret(settings, 'hmac');
  if (made === undefined) return answerProblem(c, otherTypeProblem);
  const { pool, keyRing: ring } = options;
  const subscriptions = (given ?? []).map(({ event_type, filter }) => ({
    eventType: event_type,
    filter: filter ?? null,
  }));
  const filters = subscriptions.map(({ filter }) => filter);
  const problem = await problemOfFilters(pool, filters);
  if (problem !== undefined) return answerProblem(c, problem);
  const id = await newEndpointId(pool);
  const values = toColumns({ ...settings, secret: made.secret }, { id, ring });
  await createEndpoint(pool, { id, values, subscriptions });
  c.header('Location', `/endpoints/${id}`);
  return c.json({ ...(await findEndpoint(pool, id)), ...shownOnce(made) }, 201);
}

export async function change(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const read = await readRequest(c, endpointChange, fields);
  if (!read.ok) return answerProblem(c, read.problem);
  if (Object.keys(read.fields).length === 0) {
    const detail = `Nothing to change: give one of ${Object.keys(endpointChange.schema.shape).join(', ')}`;
    return answerProblem(c, { kind: 'invalid_endpoint', code: 'nothing_to_change', detail });
  }
  const values = toColumns(read.fields, { id, ring: options.keyRing });
  const isThere = await changeEndpoint(options.pool, { id, values });
  return isThere ? answer(c, { id, options }) : answerProblem(c, notFound('endpoint', id));
}

export async function remove(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const from = ['active', 'paused', 'disabled'] as const;
  const changed = await setEndpointStatus(options.pool, { id, from, to: 'deleted' });
  return changed.kind === 'done' ? c.body(null, 204) : answerProblem(c, notFound('endpoint', id));
}

export async function act(
  c: Context<ApiEnv>,
  { id, action, options }: Target & { readonly action: EndpointAction },
): Promise<Response> {
  const read = await readRequest(c, actionRequest(action), { ...fields, isOptional: true });
  if (!read.ok) return answerProblem(c, read.problem);
  const isCaughtUp = Reflect.get(read.fields, 'catch_up') ?? true;
  const setStatus = isCaughtUp ? setEndpointStatus : setStatusWithoutCatchUp;
  const changed = await setStatus(options.pool, { id, ...action });
  switch (changed.kind) {
    case 'done':
      return answer(c, { id, options });
    case 'missing':
      return answerProblem(c, notFound('endpoint', id));
    case 'conflict':
      return answerProblem(c, refusalOf(action, changed.status));
    default:
      return changed satisfies never;
  }
}

export async function catchUp(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const read = await readRequest(c, catchUpRequest, { ...fields, kind: 'invalid_catch_up' });
  if (!read.ok) return answerProblem(c, read.problem);
  const { since, dry_run, rate_limit_per_s: rate } = read.fields;
  const isDryRun = dry_run ?? false;
  const missed = await queueMissed(options.pool, {
    endpointId: id,
    since,
    isDryRun,
    rateLimitPerS: rate ?? usualCatchUpRatePerS,
  });
  if (missed === undefined) return answerProblem(c, notFound('endpoint', id));
  return c.json({ missed }, isDryRun ? 200 : 202);
}

export async function endCatchUp(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const isThere = await cancelCatchUp(options.pool, id);
  return isThere ? c.body(null, 204) : answerProblem(c, notFound('endpoint', id));
}

export async function test(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const { pool, bodyLimitBytes = defaultBodyLimitBytes, onSent } = options;
  const read = await readRequest(c, testRequest, {
    kind: 'invalid_webhook',
    maxBytes: requestLimit(bodyLimitBytes),
    isOptional: true,
  });
  if (!read.ok) return answerProblem(c, read.problem);
  const { body = null } = read.fields;
  const problem = oversize(body ?? '', bodyLimitBytes);
  if (problem !== undefined) return answerProblem(c, problem);
  const webhookId = await sendTest(pool, { id, body });
  if (webhookId === undefined) return answerProblem(c, notFound('endpoint', id));
  onSent?.();
  return answerAccepted(c, { id: webhookId, status: 'pending' });
}

const testFields = fieldsOf({ body: body.optional() });

/** POST /endpoints/{id}/test. */
export const testRequest: Request<typeof testFields> = { schema: testFields, shown: [] };

export async function rotate(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const given = await readRequestValues(c, { maxBytes, isOptional: true });
  if (!given.ok) return answerProblem(c, given.problem);
  const rotated = await rotateEndpointSecret(given.values, { ...options, id });
  if ('problem' in rotated) return answerProblem(c, rotated.problem);
  return 'missing' in rotated
    ? answerProblem(c, notFound('endpoint', id))
    : c.json(rotated.endpoint);
}

export async function list(
  c: Context<ApiEnv>,
  { pool, cursorKey }: RouteOptions,
): Promise<Response> {
  const { searchParams } = new URL(c.req.url);
  const request = readListRequest(searchParams, {
    what: 'endpoints',
    set: endpointListSet,
    key: cursorKey,
  });
  if (!request.ok) return answerProblem(c, request.problem);
  const { endpoints, before } = await listEndpoints(pool, {
    ...request,
    status: request.values.status,
    tenant: request.values.tenant,
    text: request.values.q,
  });
  return c.json({ endpoints, next_cursor: request.cursorTo(before) });
}

export async function answer(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const endpoint = await findEndpoint(options.pool, id);
  return endpoint === undefined ? answerProblem(c, notFound('endpoint', id)) : c.json(endpoint);
}
