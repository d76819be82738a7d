// Pure: no I/O, no clock, no randomness.

import type { z } from 'zod';
import type { ContentArguments, EnqueueArguments } from '../queries/enqueue-statement.ts';
import { brokenOutboxRule } from './outbox-rules.ts';
import { invalid, type Problem, type ProblemPart } from './problem.ts';
import { type Request, readFields, type Values } from './read-fields.ts';
import { idempotencyKey, idempotencyKeyRule, sendFields } from './send-fields.ts';

/** A webhook to enqueue, or everything that is wrong with the request. */
export type SendRequest =
  | { readonly ok: true; readonly webhook: EnqueueArguments }
  | { readonly ok: false; readonly problem: Problem };

export const sendRequest: Request<typeof sendFields> = {
  schema: sendFields,
  shown: ['priority', 'send_at', 'max_attempts', 'endpoint_id', 'tenant'],
  brokenRule: brokenOutboxRule,
};

/** Reads the fields of POST /webhooks/send. */
export function readSendRequest(
  values: Values,
  options: { readonly idempotencyKeyHeader?: string | undefined; readonly bodyLimitBytes: number },
): SendRequest {
  const read = readFields(values, sendRequest);
  const errors = [
    ...(read.ok ? [] : read.errors),
    ...checkAddress(values),
    ...checkKeyHeader(values, options.idempotencyKeyHeader),
  ];
  if (!read.ok || errors.length > 0) {
    return { ok: false, problem: invalid('invalid_webhook', errors) };
  }
  const problem = oversize(read.fields.body, options.bodyLimitBytes);
  if (problem !== undefined) return { ok: false, problem };
  return { ok: true, webhook: argumentsOf(read.fields, options.idempotencyKeyHeader) };
}

/** What is wrong with a body that is larger than the limit. */
export function oversize(body: string, bodyLimitBytes: number): Problem | undefined {
  const bodyBytes = Buffer.byteLength(body);
  if (bodyBytes <= bodyLimitBytes) return undefined;
  const detail = `The body has ${bodyBytes} bytes; at most ${bodyLimitBytes} are allowed`;
  return { kind: 'body_too_large', detail };
}

/** A webhook goes to a URL or to a registered endpoint. */
function checkAddress({ url = null, endpoint_id = null }: Values): ProblemPart[] {
  if ((url === null) !== (endpoint_id === null)) return [];
  const rule = 'give one of them';
  return [
    url === null
      ? { pointer: '/url', code: 'missing_url', detail: `url and endpoint_id are missing; ${rule}` }
      : {
          pointer: '/endpoint_id',
          code: 'url_and_endpoint_id',
          detail: `url and endpoint_id are both there; ${rule}`,
        },
  ];
}

/** The idempotency key may come as the field, as the header, or as both if they agree. */
export function checkKeyHeader(values: Values, header: string | undefined): ProblemPart[] {
  if (header === undefined) return [];
  const name = 'Idempotency-Key';
  if (!idempotencyKey.safeParse(header).success) {
    const detail = `The header ${name} must be ${idempotencyKeyRule}`;
    return [{ header: name, code: 'invalid_idempotency_key', detail }];
  }
  const field = idempotencyKey.safeParse(values['idempotency_key']);
  if (!field.success || field.data === header) return [];
  const detail = `The header ${name} and the field idempotency_key differ; give one of them`;
  return [{ header: name, code: 'idempotency_keys_differ', detail }];
}

function argumentsOf(
  fields: z.output<typeof sendFields>,
  idempotencyKeyHeader: string | undefined,
): EnqueueArguments {
  return {
    url: fields.url ?? null,
    endpointId: fields.endpoint_id ?? null,
    secret: fields.secret ?? null,
    ...contentOf(fields, idempotencyKeyHeader),
  };
}

/** What webhooks and events have in common. */
export function contentOf(
  fields: Omit<z.output<typeof sendFields>, 'url' | 'endpoint_id' | 'secret'>,
  idempotencyKeyHeader: string | undefined,
): ContentArguments {
  return {
    tenant: fields.tenant ?? null,
    body: fields.body,
    headers: fields.headers ?? null,
    contentType: fields.content_type ?? null,
    priority: fields.priority ?? null,
    sendAt: fields.send_at ?? null,
    maxAttempts: fields.max_attempts ?? null,
    idempotencyKey: idempotencyKeyHeader ?? fields.idempotency_key ?? null,
    traceparent: fields.traceparent ?? null,
  };
}
