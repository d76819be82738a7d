import type { Context } from 'hono';
import { z } from 'zod';
import { asyncApiOf } from '../catalogue/async-api.ts';
import type { Described } from '../catalogue/described.ts';
import { eventsOpenApiOf } from '../catalogue/events-openapi.ts';
import { writeEventType } from '../catalogue/save-event-type.ts';
import { eventTypeRequest } from '../input/event-type-fields.ts';
import { notFound } from '../input/problem.ts';
import {
  deleteEventType,
  eventTypeRow,
  findEventType,
  listEventTypes,
  readCatalogue,
} from '../queries/event-types.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { countUpTo, nameParameter, parameterProblem, readParameters } from './parameters.ts';
import type { Route } from './route.ts';
import { readRequest } from './route-input.ts';
import type { RouteOptions } from './route-options.ts';

/** The catalogue of event types, and the documents that are made from it. */
export function eventTypeRoutes(options: RouteOptions): readonly Route[] {
  return [
    {
      method: 'get',
      path: '/event-types',
      name: 'listEventTypes',
      tag: 'event types',
      summary: 'List the event types of the catalogue, by name',
      parameters: listSet,
      answers: { 200: { description: 'A page of them.', schema: page } },
      problems: [],
      handle: (c) => list(c, options),
    },
    {
      method: 'get',
      path: '/event-types/{name}',
      name: 'showEventType',
      tag: 'event types',
      summary: 'Show an event type',
      answers: { 200: { description: 'The event type.', schema: eventType } },
      problems: ['event_type_not_found'],
      handle: (c, name) => show(c, { name, options }),
    },
    {
      method: 'put',
      path: '/event-types/{name}',
      name: 'saveEventType',
      tag: 'event types',
      summary: 'Write an event type into the catalogue',
      details:
        'A new one, or in place of the one of this name: what is not there goes back to the default. Events can be published of types that are not in the catalogue too, unless POSTHORN_CHECK_EVENTS is strict.',
      body: {
        schema: eventTypeRequest.schema.meta({ id: 'NewEventType' }),
        isOptional: false,
        example: {
          description: 'An order was paid.',
          schema: {
            type: 'object',
            properties: { order: { type: 'integer' }, total: { type: 'number' } },
            required: ['order', 'total'],
          },
          example: { order: 42, total: 99.5 },
        },
      },
      answers: {
        200: { description: 'Replaced.', schema: eventType, told: [] },
        201: {
          description: 'It is new.',
          schema: eventType,
          told: [],
          headers: { Location: 'Where to look at it.' },
        },
      },
      problems: ['invalid_event_type'],
      handle: (c, name) => save(c, { name, options }),
    },
    {
      method: 'delete',
      path: '/event-types/{name}',
      name: 'deleteEventType',
      tag: 'event types',
      summary: 'Delete an event type from the catalogue',
      details: 'Its events, and the subscriptions to it, stay as they are.',
      answers: { 204: { description: 'Deleted.', schema: null } },
      problems: ['event_type_not_found'],
      handle: (c, name) => remove(c, { name, options }),
    },
    {
      method: 'get',
      path: '/asyncapi.json',
      name: 'showAsyncApi',
      tag: 'event types',
      summary: 'An AsyncAPI document of your event types',
      answers: {
        200: {
          description: 'AsyncAPI 3.',
          schema: z.looseObject({ asyncapi: z.literal('3.0.0') }),
        },
      },
      problems: [],
      handle: (c) => describe(c, { documentOf: asyncApiOf, options }),
    },
    {
      method: 'get',
      path: '/events/openapi.json',
      name: 'showEventsOpenApi',
      tag: 'event types',
      summary: 'An OpenAPI document of your event types, as webhooks',
      answers: {
        200: {
          description: 'OpenAPI 3.1.',
          schema: z.looseObject({ openapi: z.literal('3.1.0') }),
        },
      },
      problems: [],
      handle: (c) => describe(c, { documentOf: eventsOpenApiOf, options }),
    },
  ];
}

const eventType = eventTypeRow.meta({ id: 'EventType' });

const page = z
  .object({
    event_types: z.array(eventType),
    next_after: z.string().nullable().describe('Null: this is the last page.'),
  })
  .meta({ id: 'EventTypePage' });

const listSet = {
  limit: countUpTo(1_000, { usual: 200, description: 'Of a page.' }),
  after: nameParameter('next_after of the page before.'),
};

interface Target {
  readonly name: string;
  readonly options: RouteOptions;
}

async function list(c: Context<ApiEnv>, { pool }: RouteOptions): Promise<Response> {
  const read = readParameters(new URL(c.req.url).searchParams, listSet);
  if (!read.ok) return answerProblem(c, parameterProblem(read.errors));
  const { limit, after } = read.values;
  const rows = await listEventTypes(pool, { after, limit: limit + 1 });
  const eventTypes = rows.slice(0, limit);
  const last = rows.length > limit ? (eventTypes.at(-1)?.name ?? null) : null;
  return c.json({ event_types: eventTypes, next_after: last });
}

async function show(c: Context<ApiEnv>, { name, options }: Target): Promise<Response> {
  const found = await findEventType(options.pool, name);
  return found === undefined ? answerProblem(c, notFound('event_type', name)) : c.json(found);
}

/** A schema and an example of 64 KiB each, which may take twice as much with blanks and escapes. */
const readOptions = { kind: 'invalid_event_type', maxBytes: 262_144, isOptional: false } as const;

async function save(c: Context<ApiEnv>, { name, options }: Target): Promise<Response> {
  const read = await readRequest(c, eventTypeRequest, readOptions);
  if (!read.ok) return answerProblem(c, read.problem);
  const saved = await writeEventType(options.pool, name, read.fields);
  if (!saved.ok) return answerProblem(c, saved.problem);
  if (!saved.isNew) return c.json(saved.eventType);
  c.header('Location', `/event-types/${name}`);
  return c.json(saved.eventType, 201);
}

async function remove(c: Context<ApiEnv>, { name, options }: Target): Promise<Response> {
  const isThere = await deleteEventType(options.pool, name);
  return isThere ? c.body(null, 204) : answerProblem(c, notFound('event_type', name));
}

async function describe(
  c: Context<ApiEnv>,
  {
    documentOf,
    options,
  }: {
    readonly documentOf: (eventTypes: readonly Described[]) => object;
    readonly options: RouteOptions;
  },
): Promise<Response> {
  return c.json(documentOf(await readCatalogue(options.pool)));
}
