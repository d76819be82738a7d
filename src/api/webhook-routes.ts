import type { Context, Hono } from 'hono';
import type { DatabasePool } from 'slonik';
import type { KeyRing } from '../domain/key-ring.ts';
import type { Log } from '../log.ts';
import { findWebhook } from '../queries/find-webhook.ts';
import { listWebhooks } from '../queries/list-webhooks.ts';
import { sendWebhook } from '../queries/send-webhook.ts';
import { type ApiEnv, methodNotAllowed } from './base.ts';
import { answerProblem } from './problem.ts';
import { readRequestText } from './request-text.ts';
import { readId, refuseParameters } from './route-input.ts';
import { readSendRequest } from './send-request.ts';
import { readWebhookListRequest } from './webhook-list-request.ts';

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
export function addWebhookRoutes(app: Hono<ApiEnv>, options: RouteOptions): void {
  app.post('/webhooks/send', (c) => send(c, options));
  app.all('/webhooks/send', methodNotAllowed('POST'));
  app.get('/webhooks/:id', (c) => show(c, options));
  app.all('/webhooks/:id', methodNotAllowed('GET, HEAD'));
  app.get('/webhooks', (c) => list(c, options));
  app.all('/webhooks', methodNotAllowed('GET, HEAD'));
}

export const defaultBodyLimitBytes = 256 * 1024;

/** Of the request: a byte of the body takes at most 6 there, as \u0001; the other fields need less than 64 KiB. */
export function requestLimit(bodyLimitBytes: number): number {
  return bodyLimitBytes * 6 + 65_536;
}

async function send(c: Context<ApiEnv>, options: RouteOptions): Promise<Response> {
  const { pool, bodyLimitBytes = defaultBodyLimitBytes } = options;
  const stray = refuseParameters(c);
  if (stray !== undefined) return stray;
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
    case 'replayed':
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

async function show(c: Context<ApiEnv>, { pool }: RouteOptions): Promise<Response> {
  const stray = refuseParameters(c);
  if (stray !== undefined) return stray;
  const id = readId(c, 'webhook');
  if (typeof id !== 'string') return answerProblem(c, id);
  const webhook = await findWebhook(pool, id);
  if (webhook !== undefined) return c.json(webhook);
  const detail = `Cannot find the webhook as there must be one with this id: current value is ${id}`;
  return answerProblem(c, { kind: 'webhook_not_found', detail });
}

async function list(c: Context<ApiEnv>, { pool, cursorKey }: RouteOptions): Promise<Response> {
  const { searchParams } = new URL(c.req.url);
  const { request, which } = readWebhookListRequest(searchParams, cursorKey);
  if (!request.ok) return answerProblem(c, request.problem);
  const { webhooks, before } = await listWebhooks(pool, { ...request, which });
  return c.json({ webhooks, next_cursor: request.cursorTo(before) });
}
