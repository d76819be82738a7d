import type { Context } from 'hono';
import { z } from 'zod';
import { priorities } from '../domain/priority.ts';
import { isCanonicalUuid } from '../domain/uuid.ts';
import { keyConflict, notFound } from '../input/problem.ts';
import { idempotencyKey, sendFields } from '../input/send-fields.ts';
import { readSendRequest } from '../input/send-request.ts';
import { findWebhook, foundWebhook } from '../queries/find-webhook.ts';
import { listWebhooks } from '../queries/list-webhooks.ts';
import { sendWebhook } from '../queries/send-webhook.ts';
import { webhookRow, webhookStatuses } from '../queries/webhook-row.ts';
import { accepted, answerAccepted } from './accepted.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { listParameters, periodFaults, readListRequest } from './list-request.ts';
import { amongWords, nameParameter, searchText, timeParameter, uuid } from './parameters.ts';
import type { Route } from './route.ts';
import { readRequestValues } from './route-input.ts';
import { defaultBodyLimitBytes, type RouteOptions, requestLimit } from './route-options.ts';

/** Send a webhook, look at one, list them. */
export function webhookRoutes(options: RouteOptions): readonly Route[] {
  return [
    {
      method: 'post',
      path: '/webhooks/send',
      name: 'sendWebhook',
      tag: 'webhooks',
      summary: 'Send a webhook',
      details:
        'It is committed when the answer comes. With an idempotency key it is sent once, however often the request is repeated.',
      headers: { 'Idempotency-Key': idempotencyKey },
      body: {
        schema: sendFields.meta({
          id: 'NewWebhook',
          anyOf: [
            { required: ['url'], properties: { url: isText, endpoint_id: isNull } },
            { required: ['endpoint_id'], properties: { endpoint_id: isText, url: isNull } },
          ],
        }),
        isOptional: false,
        example: {
          url: 'http://127.0.0.1:9000/hook',
          body: { type: 'order.created', total: 99.5 },
        },
      },
      answers: { 202: accepted },
      problems: ['invalid_webhook', 'idempotency_conflict', 'tenant_full'],
      handle: (c) => send(c, options),
    },
    {
      method: 'get',
      path: '/webhooks',
      name: 'listWebhooks',
      tag: 'webhooks',
      summary: 'List webhooks, newest first',
      details: 'A page may be short or empty and not be the last: go on until next_cursor is null.',
      parameters: listSet,
      answers: { 200: { description: 'A page of them.', schema: page } },
      problems: [],
      handle: (c) => list(c, options),
    },
    {
      method: 'get',
      path: '/webhooks/{id}',
      name: 'showWebhook',
      tag: 'webhooks',
      summary: 'Show a webhook and its attempts',
      answers: { 200: { description: 'The webhook.', schema: foundWebhook } },
      problems: ['webhook_not_found'],
      handle: (c, id) => show(c, { id, options }),
    },
  ];
}

const isText = { type: 'string' };
const isNull = { type: 'null' };

const page = z
  .object({ webhooks: z.array(webhookRow), next_cursor: z.string().nullable() })
  .meta({ id: 'WebhookPage' });

async function send(c: Context<ApiEnv>, options: RouteOptions): Promise<Response> {
  const { pool, bodyLimitBytes = defaultBodyLimitBytes } = options;
  const maxBytes = requestLimit(bodyLimitBytes);
  const given = await readRequestValues(c, { maxBytes, isOptional: false });
  if (!given.ok) return answerProblem(c, given.problem);
  const request = readSendRequest(given.values, {
    idempotencyKeyHeader: c.req.header('idempotency-key'),
    bodyLimitBytes,
  });
  if (!request.ok) return answerProblem(c, request.problem);
  const sent = await sendWebhook(pool, request.webhook);
  switch (sent.kind) {
    case 'accepted':
      options.onSent?.();
      return answerAccepted(c, { id: sent.id, status: 'pending' });
    case 'known':
      c.header('Idempotent-Replay', 'true');
      return answerAccepted(c, sent);
    case 'conflict':
      return answerProblem(c, keyConflict('webhook', sent.id));
    default:
      return sent satisfies never;
  }
}

async function show(
  c: Context<ApiEnv>,
  { id, options }: { readonly id: string; readonly options: RouteOptions },
): Promise<Response> {
  const webhook = await findWebhook(options.pool, id);
  return webhook === undefined ? answerProblem(c, notFound('webhook', id)) : c.json(webhook);
}

const listSet = {
  ...listParameters(webhookStatuses),
  endpoint_id: uuid('Those to this registered endpoint.'),
  tenant: nameParameter('Those of this tenant. Empty: of the application itself.'),
  event_type: nameParameter('Those of events of this type.'),
  event_id: uuid('Those that take this event to an endpoint.'),
  priority: amongWords(priorities, 'Those of this priority.'),
  from: timeParameter('Enqueued from then on.'),
  until: timeParameter('Enqueued before then.'),
  q: searchText(
    'Somewhere in the URL, in upper or lower case; or an id, of a webhook or an event.',
  ),
};

async function list(c: Context<ApiEnv>, { pool, cursorKey }: RouteOptions): Promise<Response> {
  const { searchParams } = new URL(c.req.url);
  const request = readListRequest(searchParams, {
    what: 'webhooks',
    set: listSet,
    key: cursorKey,
    faultsOf: periodFaults,
  });
  if (!request.ok) return answerProblem(c, request.problem);
  const { status, endpoint_id: endpointId, priority, from, until, q } = request.values;
  const { tenant, event_type: eventType, event_id: eventId } = request.values;
  const isId = q !== undefined && isCanonicalUuid(q);
  const which = {
    endpointId,
    tenant,
    eventType,
    eventId,
    priority,
    from,
    until,
    ...(isId ? { id: q } : { text: q }),
  };
  const { webhooks, before } = await listWebhooks(pool, { ...request, status, which });
  return c.json({ webhooks, next_cursor: request.cursorTo(before) });
}
