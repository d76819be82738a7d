import type { Context } from 'hono';
import type { DatabasePool } from 'slonik';
import { z } from 'zod';
import type { KeyRing } from '../domain/key-ring.ts';
import { priorities } from '../domain/priority.ts';
import { isCanonicalUuid } from '../input/canonical-uuid.ts';
import { endsTooSoon } from '../input/fields.ts';
import type { ProblemPart } from '../input/problem.ts';
import { bodySchemaOf } from '../input/read-fields.ts';
import { sendFields } from '../input/send-fields.ts';
import { readSendRequest, sendFieldSet } from '../input/send-request.ts';
import type { Log } from '../log.ts';
import { findWebhook, foundWebhook } from '../queries/find-webhook.ts';
import { listWebhooks } from '../queries/list-webhooks.ts';
import { sendWebhook } from '../queries/send-webhook.ts';
import { webhookRow, webhookStatuses } from '../queries/webhook-row.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { listParameters, readListRequest } from './list-request.ts';
import { amongWords, fault, searchText, timeParameter, uuid } from './parameters.ts';
import { readRequestText } from './request-text.ts';
import type { Route } from './route.ts';

/** What the routes work with. */
export interface RouteOptions {
  readonly pool: DatabasePool;
  readonly log: Log;
  /** Of a webhook's body, in bytes of UTF-8. At most 1 MiB, which is a CHECK in Postgres. */
  readonly bodyLimitBytes?: number;
  /** Signs cursors. The same in all processes that a load balancer may choose from. */
  readonly cursorKey: Uint8Array;
  /** Seals the secrets of endpoints; undefined: they are kept as plain text. */
  readonly keyRing?: KeyRing | undefined;
  /** Something was enqueued. */
  readonly onSent?: (() => void) | undefined;
}

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
      headers: { 'Idempotency-Key': sendFields.idempotency_key.schema },
      body: {
        schema: bodySchemaOf(sendFieldSet).meta({
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
      problems: ['invalid_webhook', 'idempotency_conflict'],
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

/** What is answered to whoever sent something. */
export const accepted = {
  description: 'Committed.',
  schema: z
    .object({
      id: z.uuid(),
      status: z.enum(webhookStatuses).nullable().describe('Null: its history has been dropped.'),
    })
    .meta({ id: 'SentWebhook' }),
  headers: {
    Location: 'Where to look at it.',
    'Idempotent-Replay': 'true: the same webhook was sent before.',
  },
} as const;

const page = z
  .object({ webhooks: z.array(webhookRow), next_cursor: z.string().nullable() })
  .meta({ id: 'WebhookPage' });

export const defaultBodyLimitBytes = 256 * 1024;

/** Of the request: a byte of the body takes at most 6 there, as \u0001; the other fields need less than 64 KiB. */
export function requestLimit(bodyLimitBytes: number): number {
  return bodyLimitBytes * 6 + 65_536;
}

async function send(c: Context<ApiEnv>, options: RouteOptions): Promise<Response> {
  const { pool, bodyLimitBytes = defaultBodyLimitBytes } = options;
  const read = await readRequestText(c, requestLimit(bodyLimitBytes));
  if ('problem' in read) return answerProblem(c, read.problem);
  const request = readSendRequest(read.text, {
    idempotencyKeyHeader: c.req.header('idempotency-key'),
    bodyLimitBytes,
  });
  if (!request.ok) return answerProblem(c, request.problem);
  const sent = await sendWebhook(pool, request.webhook);
  switch (sent.kind) {
    case 'accepted':
      options.onSent?.();
      c.header('Location', `/webhooks/${sent.id}`);
      return c.json({ id: sent.id, status: 'pending' }, 202);
    case 'known':
      c.header('Location', `/webhooks/${sent.id}`);
      c.header('Idempotent-Replay', 'true');
      return c.json({ id: sent.id, status: sent.status }, 202);
    case 'conflict':
      return answerProblem(c, {
        kind: 'idempotency_conflict',
        detail: `Cannot send the webhook as its idempotency key must stand for one content: it stands for ${sent.id}`,
      });
    default:
      return sent satisfies never;
  }
}

async function show(
  c: Context<ApiEnv>,
  { id, options }: { readonly id: string; readonly options: RouteOptions },
): Promise<Response> {
  const webhook = await findWebhook(options.pool, id);
  if (webhook !== undefined) return c.json(webhook);
  const detail = `Cannot find the webhook as there must be one with this id: current value is ${id}`;
  return answerProblem(c, { kind: 'webhook_not_found', detail });
}

const listSet = {
  ...listParameters(webhookStatuses),
  endpoint_id: uuid('Those to this registered endpoint.'),
  priority: amongWords(priorities, 'Those of this priority.'),
  from: timeParameter('Enqueued from then on.'),
  until: timeParameter('Enqueued before then.'),
  q: searchText('Somewhere in the URL, in upper or lower case; or an id.'),
};

function periodFaults({
  from,
  until,
}: {
  from?: string | undefined;
  until?: string | undefined;
}): ProblemPart[] {
  if (until === undefined || !endsTooSoon({ from, until })) return [];
  return [fault('until', { doing: 'list webhooks', mustBe: 'later than from', value: until })];
}

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
  const isId = q !== undefined && isCanonicalUuid(q);
  const which = { endpointId, priority, from, until, ...(isId ? { id: q } : { text: q }) };
  const { webhooks, before } = await listWebhooks(pool, { ...request, status, which });
  return c.json({ webhooks, next_cursor: request.cursorTo(before) });
}
