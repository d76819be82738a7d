import { z } from 'zod';
import { createEventCheck } from '../catalogue/event-check.ts';
import {
  batchFields,
  eventFields,
  maxEventsOfABatch,
  recipientsRequest,
} from '../input/event-request.ts';
import { idempotencyKey } from '../input/send-fields.ts';
import { eventRow } from '../queries/event-row.ts';
import { foundEvent } from '../queries/find-event.ts';
import { recipientRow } from '../queries/find-recipients.ts';
import {
  eventListSet,
  list,
  maxRecipients,
  publish,
  publishAll,
  recipients,
  show,
} from './event-handlers.ts';
import type { Route } from './route.ts';
import type { RouteOptions } from './route-options.ts';

/** Publish events, look at them, and ask who receives them. */
export function eventRoutes(given: RouteOptions): readonly Route[] {
  const { pool, log, checkEvents: mode = 'off' } = given;
  const options = { ...given, check: createEventCheck({ pool, log, mode }) };
  return [
    {
      method: 'post',
      path: '/events',
      name: 'publishEvent',
      tag: 'events',
      summary: 'Publish an event',
      details:
        "It is committed when the answer comes, and so is a webhook to each of the tenant's endpoints that subscribes to it. With an idempotency key it is published once, however often the request is repeated; each tenant has its own keys.",
      headers: { 'Idempotency-Key': idempotencyKey },
      body: {
        schema: eventFields.meta({ id: 'NewEvent' }),
        isOptional: false,
        example: { tenant: 'acme', event_type: 'order.paid', body: { id: 42, total: 1_500 } },
      },
      answers: {
        202: {
          description: 'Committed.',
          schema: z.object({ id: z.uuid() }).meta({ id: 'PublishedEvent' }),
          headers: {
            Location: 'Where to look at it.',
            'Idempotent-Replay': 'true: the same event was published before.',
          },
        },
      },
      problems: ['invalid_event', 'idempotency_conflict', 'tenant_full'],
      handle: (c) => publish(c, options),
    },
    {
      method: 'post',
      path: '/events/batch',
      name: 'publishEvents',
      tag: 'events',
      summary: `Publish up to ${maxEventsOfABatch} events`,
      details:
        'All are committed when the answer comes, or none is. Each may have an idempotency_key; if it is known, its id is that of the event of that time.',
      body: {
        schema: batchFields.meta({ id: 'NewEvents' }),
        isOptional: false,
        example: {
          events: [
            { tenant: 'acme', event_type: 'order.paid', body: { id: 42, total: 1_500 } },
            { tenant: 'acme', event_type: 'order.sent', body: { id: 42 } },
          ],
        },
      },
      answers: {
        202: {
          description: 'Committed.',
          schema: z
            .object({ ids: z.array(z.uuid()).describe('In the order of the events.') })
            .meta({ id: 'PublishedEvents' }),
          told: 'all',
        },
      },
      problems: ['invalid_event', 'idempotency_conflict', 'tenant_full'],
      handle: (c) => publishAll(c, options),
    },
    {
      method: 'get',
      path: '/events',
      name: 'listEvents',
      tag: 'events',
      summary: 'List events, newest first',
      details: 'A page may be short or empty and not be the last: go on until next_cursor is null.',
      parameters: eventListSet,
      answers: {
        200: {
          description: 'A page of them.',
          schema: z
            .object({ events: z.array(eventRow), next_cursor: z.string().nullable() })
            .meta({ id: 'EventPage' }),
        },
      },
      problems: [],
      handle: (c) => list(c, options),
    },
    {
      method: 'post',
      path: '/events/recipients',
      name: 'explainRecipients',
      tag: 'events',
      summary: 'Explain who would receive an event now',
      details: 'Nothing is published. There is an item for each endpoint of the tenant.',
      body: {
        schema: recipientsRequest.schema.meta({ id: 'EventToExplain' }),
        isOptional: false,
        example: { tenant: 'acme', event_type: 'order.paid', body: { id: 42, total: 1_500 } },
      },
      answers: {
        200: {
          description: 'Each endpoint, and why it receives the event or does not.',
          schema: z
            .object({
              recipients: z.array(recipientRow).describe(`At most ${maxRecipients}.`),
              more: z.boolean().describe('The tenant has more endpoints.'),
            })
            .meta({ id: 'Recipients' }),
          told: 'all',
        },
      },
      problems: ['invalid_event'],
      handle: (c) => recipients(c, options),
    },
    {
      method: 'get',
      path: '/events/{id}',
      name: 'showEvent',
      tag: 'events',
      summary: 'Show an event and its webhooks',
      answers: { 200: { description: 'The event.', schema: foundEvent } },
      problems: ['event_not_found'],
      handle: (c, id) => show(c, { id, options }),
    },
  ];
}
