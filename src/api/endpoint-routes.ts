import { z } from 'zod';
import { catchUpRequest } from '../input/catch-up-fields.ts';
import { actionRequest, endpointActions } from '../input/endpoint-actions.ts';
import { endpointChange, newEndpoint, secretRotation } from '../input/endpoint-fields.ts';
import { documentedSubscriptions } from '../input/subscription-fields.ts';
import { endpointWithHealth } from '../queries/endpoint-health.ts';
import { foundEndpoint } from '../queries/find-endpoint.ts';
import { accepted } from './accepted.ts';
import {
  act,
  answer,
  catchUp,
  change,
  create,
  endCatchUp,
  endpointListSet,
  list,
  remove,
  rotate,
  test,
  testRequest,
} from './endpoint-handlers.ts';
import type { Route } from './route.ts';
import type { RouteOptions } from './route-options.ts';

/** Register endpoints, look at them, change them, hold them and try them. */
export function endpointRoutes(options: RouteOptions): readonly Route[] {
  return [
    {
      method: 'post',
      path: '/endpoints',
      name: 'createEndpoint',
      tag: 'endpoints',
      summary: 'Register an endpoint',
      details:
        'Without a secret one is made up; an HMAC secret is shown in this answer and never again.',
      body: { ...created, example: { url: 'http://127.0.0.1:9000/hook', max_in_flight: 10 } },
      answers: {
        201: {
          description: 'Registered.',
          schema: endpointWithSecret,
          told: toldOfSecret,
          headers: { Location: 'Where to look at it.' },
        },
      },
      problems: ['invalid_endpoint', 'invalid_subscription'],
      handle: (c) => create(c, options),
    },
    {
      method: 'get',
      path: '/endpoints',
      name: 'listEndpoints',
      tag: 'endpoints',
      summary: 'List endpoints, newest first',
      details: 'Deleted ones only when asked for.',
      parameters: endpointListSet,
      answers: { 200: { description: 'A page of them.', schema: page } },
      problems: [],
      handle: (c) => list(c, options),
    },
    {
      method: 'get',
      path: '/endpoints/{id}',
      name: 'showEndpoint',
      tag: 'endpoints',
      summary: 'Show an endpoint, its breaker and its backlog',
      answers: {
        200: { description: 'The endpoint; a deleted one too.', schema: foundEndpoint },
      },
      problems: ['endpoint_not_found'],
      handle: (c, id) => answer(c, { id, options }),
    },
    {
      method: 'patch',
      path: '/endpoints/{id}',
      name: 'changeEndpoint',
      tag: 'endpoints',
      summary: 'Change an endpoint',
      details: 'What is not there stays, null goes back to the default.',
      body: { ...changed, example: { max_in_flight: 20, description: 'Shop 7' } },
      answers: { 200: { description: 'As it is now.', schema: foundEndpoint } },
      problems: ['invalid_endpoint', 'endpoint_not_found'],
      handle: (c, id) => change(c, { id, options }),
    },
    {
      method: 'delete',
      path: '/endpoints/{id}',
      name: 'deleteEndpoint',
      tag: 'endpoints',
      summary: 'Delete an endpoint',
      details: 'What waits for it fails with the reason endpoint_deleted; its history stays.',
      answers: { 204: { description: 'Deleted.', schema: null } },
      problems: ['endpoint_not_found'],
      handle: (c, id) => remove(c, { id, options }),
    },
    {
      method: 'post',
      path: '/endpoints/{id}/test',
      name: 'testEndpoint',
      tag: 'endpoints',
      summary: 'Send a test webhook to an endpoint',
      details:
        'With its URL, secret and headers, also while it is paused; once, and without retries.',
      body: {
        schema: testRequest.schema.meta({ id: 'EndpointTest' }),
        isOptional: true,
        example: { body: { type: 'test' } },
      },
      answers: { 202: accepted },
      problems: ['invalid_webhook', 'endpoint_not_found'],
      handle: (c, id) => test(c, { id, options }),
    },
    {
      method: 'post',
      path: '/endpoints/{id}/secret/rotate',
      name: 'rotateSecret',
      tag: 'endpoints',
      summary: 'Give an endpoint a new secret',
      details:
        'The former one signs too for a while. An HMAC secret that is made up is shown in this answer and never again.',
      body: {
        schema: secretRotation.schema.meta({ id: 'SecretRotation' }),
        isOptional: true,
        example: { overlap_s: 3_600 },
      },
      answers: {
        200: { description: 'As it is now.', schema: endpointWithSecret, told: toldOfSecret },
      },
      problems: ['invalid_endpoint', 'endpoint_not_found', 'endpoint_state_conflict'],
      handle: (c, id) => rotate(c, { id, options }),
    },
    {
      method: 'post',
      path: '/endpoints/{id}/catch-up',
      name: 'catchUpEndpoint',
      tag: 'endpoints',
      summary: 'Send an endpoint the events that it has missed, or count them',
      details:
        'Those since a time that match its present subscriptions and that it has not received, for example because it was registered later. Workers carry it out; an ordered endpoint is held meanwhile.',
      body: {
        schema: catchUpRequest.schema.meta({ id: 'NewCatchUp' }),
        isOptional: false,
        example: { since: '2030-01-31T12:00:00Z', dry_run: true },
      },
      answers: {
        200: { description: 'A dry run: nothing is sent.', schema: missed, told: 'all' },
        202: { description: 'Under way.', schema: missed, told: 'all' },
      },
      problems: ['invalid_catch_up', 'endpoint_not_found'],
      handle: (c, id) => catchUp(c, { id, options }),
    },
    {
      method: 'delete',
      path: '/endpoints/{id}/catch-up',
      name: 'cancelCatchUp',
      tag: 'endpoints',
      summary: 'Stop sending an endpoint the events that it has missed',
      details: 'What was queued is still sent.',
      answers: { 204: { description: 'Stopped, or none was under way.', schema: null } },
      problems: ['endpoint_not_found'],
      handle: (c, id) => endCatchUp(c, { id, options }),
    },
    ...endpointActions.map(
      (action): Route => ({
        method: 'post',
        path: `/endpoints/{id}/${action.name}`,
        name: `${action.name}Endpoint`,
        tag: 'endpoints',
        summary: action.summary,
        body: {
          schema: actionRequest(action).schema,
          isOptional: true,
          example: action.mayCatchUp ? { catch_up: true } : {},
        },
        answers: { 200: { description: 'As it is now.', schema: foundEndpoint } },
        problems: ['invalid_endpoint', 'endpoint_not_found', 'endpoint_state_conflict'],
        handle: (c, id) => act(c, { id, action, options }),
      }),
    ),
  ];
}

const created = {
  schema: newEndpoint.schema
    .extend({ subscriptions: documentedSubscriptions })
    .meta({ id: 'NewEndpoint' }),
  isOptional: false,
};

const changed = {
  schema: endpointChange.schema.meta({ id: 'EndpointChange' }),
  isOptional: false,
};

const endpointWithSecret = foundEndpoint
  .extend({ secret: z.string().optional().describe('If it was made up, and is not Ed25519.') })
  .meta({ id: 'EndpointWithSecret' });

/** A key that makes a secret must learn the secret, or its public key, to tell the receiver. */
const toldOfSecret = ['id', 'status', 'public_key', 'secret'];

const missed = z
  .object({
    missed: z.int().describe('How many it has missed; if counting took too long, at least.'),
  })
  .meta({ id: 'MissedEvents' });

const page = z
  .object({ endpoints: z.array(endpointWithHealth), next_cursor: z.string().nullable() })
  .meta({ id: 'EndpointPage' });
