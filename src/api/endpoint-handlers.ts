import type { Context } from 'hono';
import type { EndpointAction } from '../input/endpoint-actions.ts';
import { changedEndpointFields, newEndpointFields } from '../input/endpoint-fields.ts';
import { invalid, type Problem } from '../input/problem.ts';
import { type FieldSet, type FieldValues, readFields } from '../input/read-fields.ts';
import { sendFields } from '../input/send-fields.ts';
import { oversize } from '../input/send-request.ts';
import { endpointStatuses } from '../queries/endpoint-row.ts';
import { findEndpoint } from '../queries/find-endpoint.ts';
import { listEndpoints } from '../queries/list-endpoints.ts';
import { changeEndpoint, createEndpoint, newEndpointId } from '../queries/save-endpoint.ts';
import { sendTest } from '../queries/send-test.ts';
import { setEndpointStatus } from '../queries/set-endpoint-status.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import {
  newColumns,
  newSecret,
  otherTypeProblem,
  shownOnce,
  toColumns,
} from './endpoint-secrets.ts';
import { listParameters, readListRequest } from './list-request.ts';
import { searchText } from './parameters.ts';
import { readMembers } from './route-input.ts';
import { defaultBodyLimitBytes, type RouteOptions, requestLimit } from './webhook-routes.ts';

/** The query parameters of a list of endpoints. */
export const endpointListSet = {
  ...listParameters(endpointStatuses),
  q: searchText('Somewhere in the URL or the description, in upper or lower case; or an id.'),
};

interface Target {
  readonly id: string;
  readonly options: RouteOptions;
}

/** Fields of an endpoint take a few KiB. */
const requestBytes = 65_536;

export async function create(c: Context<ApiEnv>, options: RouteOptions): Promise<Response> {
  const values = await readEndpoint(c, newEndpointFields);
  if ('kind' in values) return answerProblem(c, values);
  const made = newSecret(values, 'hmac');
  if (made === undefined) return answerProblem(c, otherTypeProblem);
  const { pool, keyRing: ring } = options;
  const id = await newEndpointId(pool);
  await createEndpoint(pool, { id, values: newColumns(values, { id, ring, ...made }) });
  c.header('Location', `/endpoints/${id}`);
  return c.json({ ...(await findEndpoint(pool, id)), ...shownOnce(made) }, 201);
}

export async function change(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const values = await readEndpoint(c, changedEndpointFields);
  if ('kind' in values) return answerProblem(c, values);
  if (values.size === 0) {
    const detail = `Cannot save the endpoint as one of ${Object.keys(changedEndpointFields.fields).join(', ')} must be given: there is none`;
    return answerProblem(c, { kind: 'invalid_endpoint', code: 'nothing_to_change', detail });
  }
  const columns = toColumns(values, { id, ring: options.keyRing });
  const isThere = await changeEndpoint(options.pool, { id, values: columns });
  return isThere ? answer(c, { id, options }) : answerProblem(c, notFound(id));
}

export async function remove(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const from = ['active', 'paused', 'disabled'] as const;
  const changed = await setEndpointStatus(options.pool, { id, from, to: 'deleted' });
  return changed.kind === 'done' ? c.body(null, 204) : answerProblem(c, notFound(id));
}

export async function act(
  c: Context<ApiEnv>,
  { id, action, options }: Target & { readonly action: EndpointAction },
): Promise<Response> {
  const members = await readMembers(c, { maximumBytes: requestBytes, isOptional: true });
  if ('kind' in members) return answerProblem(c, members);
  if (members.size > 0) return answerProblem(c, takesNoFields(action.name));
  const changed = await setEndpointStatus(options.pool, { id, ...action });
  switch (changed.kind) {
    case 'done':
      return answer(c, { id, options });
    case 'missing':
      return answerProblem(c, notFound(id));
    case 'conflict':
      return answerProblem(c, {
        kind: 'endpoint_state_conflict',
        detail: `Cannot ${action.name} the endpoint as it must be ${action.from.join(' or ')}: current value is ${changed.status}; ${action.instead}`,
      });
    default:
      return changed satisfies never;
  }
}

export async function test(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const { pool, bodyLimitBytes = defaultBodyLimitBytes, onSent } = options;
  const maximumBytes = requestLimit(bodyLimitBytes);
  const members = await readMembers(c, { maximumBytes, isOptional: true });
  if ('kind' in members) return answerProblem(c, members);
  const { values, errors } = readFields(members, testFields);
  if (errors.length > 0) return answerProblem(c, invalid('invalid_webhook', errors));
  const given = values.get('body');
  const body = typeof given === 'string' ? given : null;
  const problem = oversize(body ?? '', { doing: 'send the test', bodyLimitBytes });
  if (problem !== undefined) return answerProblem(c, problem);
  const webhookId = await sendTest(pool, { id, body });
  if (webhookId === undefined) return answerProblem(c, notFound(id));
  onSent?.();
  c.header('Location', `/webhooks/${webhookId}`);
  return c.json({ id: webhookId, status: 'pending' }, 202);
}

export const testFields: FieldSet<'body'> = {
  doing: 'send the test',
  fields: { body: sendFields.body },
  required: [],
  ignoresNull: false,
  nullable: [],
  shown: [],
  brokenRule: (code) => ({ code, detail: 'Cannot send the test' }),
};

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
    text: request.values.q,
  });
  return c.json({ endpoints, next_cursor: request.cursorTo(before) });
}

export async function answer(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const endpoint = await findEndpoint(options.pool, id);
  return endpoint === undefined ? answerProblem(c, notFound(id)) : c.json(endpoint);
}

async function readEndpoint<Name extends string>(
  c: Context<ApiEnv>,
  fields: FieldSet<Name>,
): Promise<FieldValues<Name> | Problem> {
  const members = await readMembers(c, { maximumBytes: requestBytes, isOptional: false });
  if ('kind' in members) return members;
  const { values, errors } = readFields(members, fields);
  return errors.length > 0 ? invalid('invalid_endpoint', errors) : values;
}

export function notFound(id: string): Problem {
  const detail = `Cannot find the endpoint as there must be one with this id that is not deleted: current value is ${id}`;
  return { kind: 'endpoint_not_found', detail };
}

function takesNoFields(name: string): Problem {
  return {
    kind: 'invalid_endpoint',
    code: 'unknown_field',
    detail: `Cannot ${name} the endpoint as the request must be without fields: some are there`,
  };
}
