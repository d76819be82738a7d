import type { Context, Hono } from 'hono';
import type { DatabasePool } from 'slonik';
import type { Log } from '../log.ts';
import { findWebhook } from '../queries/find-webhook.ts';
import { listWebhooks } from '../queries/list-webhooks.ts';
import { sendWebhook } from '../queries/send-webhook.ts';
import { type ApiEnv, createBase, methodNotAllowed } from './base.ts';
import { writeCursor } from './cursor.ts';
import { addHealthRoutes, type Readiness } from './health.ts';
import { cursorFilter, readListRequest, strayParameters } from './list-request.ts';
import { answerProblem, shown } from './problem.ts';
import { readRequestText } from './request-text.ts';
import { readSendRequest } from './send-request.ts';

interface ApiOptions {
  readonly pool: DatabasePool;
  readonly log: Log;
  readonly readiness: () => Promise<Readiness>;
  /** Of a webhook's body, in bytes of UTF-8. At most 1 MiB, which is a CHECK in Postgres. */
  readonly bodyLimitBytes?: number;
  /** Signs cursors. The same in all processes that a load balancer may choose from. */
  readonly cursorKey: Uint8Array;
}

/**
 * The HTTP API: send a webhook, look at one, list them.
 *
 * Errors are problems (RFC 9457); {@link problemKinds} names them all. No answer holds a secret, a header or a body of a
 * webhook. There is no CORS: a page in a browser cannot call it, as it takes nothing but application/json.
 */
export function createApi(options: ApiOptions): Hono<ApiEnv> {
  const app = createBase(options.log);
  addHealthRoutes(app, options);
  app.post('/webhooks/send', (c) => send(c, options));
  app.all('/webhooks/send', methodNotAllowed('POST'));
  app.get('/webhooks/:id', (c) => show(c, options));
  app.all('/webhooks/:id', methodNotAllowed('GET, HEAD'));
  app.get('/webhooks', (c) => list(c, options));
  app.all('/webhooks', methodNotAllowed('GET, HEAD'));
  return app;
}

const defaultBodyLimitBytes = 256 * 1024;

/** A byte of the webhook's body takes at most 6 in the request, as \u0001; the other fields need less than 64 KiB. */
function requestLimit(bodyLimitBytes: number): number {
  return bodyLimitBytes * 6 + 65_536;
}

async function send(c: Context<ApiEnv>, options: ApiOptions): Promise<Response> {
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

/** Canonical only: what Postgres takes besides (upper case, braces, no dashes) would give one webhook many URLs. */
const canonicalUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

async function show(c: Context<ApiEnv>, { pool }: ApiOptions): Promise<Response> {
  const stray = refuseParameters(c);
  if (stray !== undefined) return stray;
  const id = c.req.param('id') ?? '';
  if (!canonicalUuid.test(id)) {
    const detail = `Cannot look for the webhook as its id must be a UUID in lower case with dashes: current value is ${shown(id)}`;
    return answerProblem(c, { kind: 'invalid_id', detail });
  }
  const webhook = await findWebhook(pool, id);
  if (webhook !== undefined) return c.json(webhook);
  const detail = `Cannot find the webhook as there must be one with this id: current value is ${id}`;
  return answerProblem(c, { kind: 'webhook_not_found', detail });
}

async function list(c: Context<ApiEnv>, { pool, cursorKey }: ApiOptions): Promise<Response> {
  const request = readListRequest(new URL(c.req.url).searchParams, { cursorKey });
  if (!request.ok) return answerProblem(c, request.problem);
  const { webhooks, before } = await listWebhooks(pool, request);
  const filter = cursorFilter(request.status);
  const next = before === null ? null : writeCursor(before, { filter, key: cursorKey });
  return c.json({ webhooks, next_cursor: next });
}

/** For routes that take no query parameters. */
function refuseParameters(c: Context<ApiEnv>): Response | undefined {
  const errors = strayParameters(new URL(c.req.url).searchParams, []);
  const [first] = errors;
  if (first === undefined) return undefined;
  return answerProblem(c, {
    kind: 'invalid_parameter',
    code: first.code,
    detail: first.detail,
    errors,
  });
}
