import type { Context } from 'hono';
import { z } from 'zod';
import { notFound } from '../input/problem.ts';
import { newSubscription } from '../input/subscription-fields.ts';
import { problemOfFilter } from '../input/subscription-filter.ts';
import {
  endSubscription,
  findSame,
  findSubscription,
  listSubscriptions,
  subscribe,
  subscriptionRow,
} from '../queries/subscriptions.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { pageParameters, readListRequest } from './list-request.ts';
import { nameParameter, uuid } from './parameters.ts';
import type { Route } from './route.ts';
import { readRequest } from './route-input.ts';
import type { RouteOptions } from './route-options.ts';

/** Subscribe endpoints to events, look at that, and end it. */
export function subscriptionRoutes(options: RouteOptions): readonly Route[] {
  return [
    {
      method: 'post',
      path: '/subscriptions',
      name: 'createSubscription',
      tag: 'subscriptions',
      summary: 'Subscribe an endpoint to events',
      details:
        'It receives the events of its tenant that are published from then on. A subscription is not changed: make another one and end this one. An event that several subscriptions of an endpoint match is sent to it once.',
      body: {
        schema: newSubscription.schema.meta({ id: 'NewSubscription' }),
        isOptional: false,
        example: {
          endpoint_id: '01a20a98-d609-7fd8-8299-4c98c49bb8a5',
          event_type: 'invoice.*',
          filter: '$.total >= 1000',
        },
      },
      answers: {
        201: {
          description: 'In force.',
          schema: subscriptionRow,
          headers: { Location: 'Where to look at it.' },
        },
      },
      problems: ['invalid_subscription', 'subscription_exists'],
      handle: (c) => create(c, options),
    },
    {
      method: 'get',
      path: '/subscriptions',
      name: 'listSubscriptions',
      tag: 'subscriptions',
      summary: 'List subscriptions, newest first',
      details:
        'Those in force, unless those that have ended are asked for. A page may be short or empty and not be the last: go on until next_cursor is null.',
      parameters: listSet,
      answers: { 200: { description: 'A page of them.', schema: page } },
      problems: [],
      handle: (c) => list(c, options),
    },
    {
      method: 'get',
      path: '/subscriptions/{id}',
      name: 'showSubscription',
      tag: 'subscriptions',
      summary: 'Show a subscription',
      answers: {
        200: { description: 'The subscription; one that has ended too.', schema: subscriptionRow },
      },
      problems: ['subscription_not_found'],
      handle: (c, id) => show(c, { id, options }),
    },
    {
      method: 'delete',
      path: '/subscriptions/{id}',
      name: 'endSubscription',
      tag: 'subscriptions',
      summary: 'End a subscription',
      details: 'What was enqueued is still sent.',
      answers: { 204: { description: 'Ended, now or before.', schema: null } },
      problems: ['subscription_not_found'],
      handle: (c, id) => end(c, { id, options }),
    },
  ];
}

interface Target {
  readonly id: string;
  readonly options: RouteOptions;
}

async function create(c: Context<ApiEnv>, { pool }: RouteOptions): Promise<Response> {
  const read = await readRequest(c, newSubscription, {
    kind: 'invalid_subscription',
    maxBytes: 65_536,
    isOptional: false,
  });
  if (!read.ok) return answerProblem(c, read.problem);
  const { endpoint_id: endpointId, event_type: eventType, filter = null } = read.fields;
  const problem = await problemOfFilter(pool, filter);
  if (problem !== undefined) return answerProblem(c, problem);
  const [id] = await subscribe(pool, { endpointId, subscriptions: [{ eventType, filter }] });
  if (id === undefined) {
    const same = await findSame(pool, { endpointId, eventType, filter });
    const detail = `The endpoint is subscribed to this already${same === undefined ? '' : `: ${same}`}`;
    return answerProblem(c, { kind: 'subscription_exists', detail });
  }
  c.header('Location', `/subscriptions/${id}`);
  return c.json(await findSubscription(pool, id), 201);
}

const listSet = {
  endpoint_id: uuid('Those of this endpoint.'),
  tenant: nameParameter('Those of endpoints of this tenant. Empty: the application itself.'),
  event_type: nameParameter('Those with exactly this event_type, such as order.*.'),
  ended: z
    .enum(['true', 'false'], 'true or false')
    .optional()
    .describe('true: those that have ended.'),
  ...pageParameters(),
};

const page = z
  .object({ subscriptions: z.array(subscriptionRow), next_cursor: z.string().nullable() })
  .meta({ id: 'SubscriptionPage' });

async function list(c: Context<ApiEnv>, { pool, cursorKey }: RouteOptions): Promise<Response> {
  const { searchParams } = new URL(c.req.url);
  const request = readListRequest(searchParams, {
    what: 'subscriptions',
    set: listSet,
    key: cursorKey,
  });
  if (!request.ok) return answerProblem(c, request.problem);
  const { endpoint_id: endpointId, tenant, event_type: eventType, ended } = request.values;
  const { subscriptions, before } = await listSubscriptions(pool, {
    ...request,
    which: { endpointId, tenant, eventType, hasEnded: ended === 'true' },
  });
  return c.json({ subscriptions, next_cursor: request.cursorTo(before) });
}

async function show(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const subscription = await findSubscription(options.pool, id);
  return subscription === undefined
    ? answerProblem(c, notFound('subscription', id))
    : c.json(subscription);
}

async function end(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const isThere = await endSubscription(options.pool, id);
  return isThere ? c.body(null, 204) : answerProblem(c, notFound('subscription', id));
}
