// Pure: no I/O, no clock, no randomness.

import { readJsonObject } from '../domain/json-text.ts';
import type { EnqueueArguments } from '../queries/enqueue-statement.ts';
import { brokenOutboxRule } from './outbox-rules.ts';
import { invalid, notAnObject, type Problem, type ProblemPart } from './problem.ts';
import { type FieldSet, type FieldValues, readFields } from './read-fields.ts';
import {
  idempotencyKeyRule,
  readIdempotencyKey,
  type SendField,
  sendFields,
} from './send-fields.ts';

/** A webhook to enqueue, or everything that is wrong with the request. */
export type SendRequest =
  | { readonly ok: true; readonly webhook: EnqueueArguments }
  | { readonly ok: false; readonly problem: Problem };

/** Reads the text of POST /webhooks/send. */
export function readSendRequest(
  text: string,
  options: { readonly idempotencyKeyHeader: string | undefined; readonly bodyLimitBytes: number },
): SendRequest {
  const object = readJsonObject(text);
  if (!object.ok) return { ok: false, problem: notAnObject(object) };
  const { values, errors } = readFields(object.members, sendFieldSet);
  errors.push(...checkAddress(object.members));
  const key = mergeKey(values.get('idempotency_key'), options.idempotencyKeyHeader);
  if (!key.ok) errors.push(key.error);
  if (!key.ok || errors.length > 0) {
    return { ok: false, problem: invalid('invalid_webhook', errors) };
  }
  const body = String(values.get('body'));
  const problem = oversize(body, { doing: 'send the webhook', ...options });
  if (problem !== undefined) return { ok: false, problem };
  return { ok: true, webhook: { ...argumentsOf(values), body, idempotencyKey: key.value } };
}

/** What is wrong with a body that is larger than the limit. */
export function oversize(
  body: string,
  { doing, bodyLimitBytes }: { readonly doing: string; readonly bodyLimitBytes: number },
): Problem | undefined {
  const bodyBytes = Buffer.byteLength(body);
  if (bodyBytes <= bodyLimitBytes) return undefined;
  const detail = `Cannot ${doing} as its body must be at most ${bodyLimitBytes} bytes: current size is ${bodyBytes}`;
  return { kind: 'body_too_large', detail };
}

export const sendFieldSet: FieldSet<SendField> = {
  doing: 'send the webhook',
  fields: sendFields,
  required: ['body'],
  ignoresNull: true,
  nullable: [],
  shown: ['priority', 'send_at', 'max_attempts', 'endpoint_id'],
  brokenRule: brokenOutboxRule,
};

/** A webhook goes to a URL or to a registered endpoint. */
function checkAddress(members: ReadonlyMap<string, string>): ProblemPart[] {
  const isGiven = (name: SendField) => (members.get(name) ?? 'null') !== 'null';
  if (isGiven('url') !== isGiven('endpoint_id')) return [];
  return [
    isGiven('url')
      ? {
          pointer: '/endpoint_id',
          code: 'url_and_endpoint_id',
          detail: 'Cannot send the webhook as url or endpoint_id must be given: both are there',
        }
      : {
          pointer: '/url',
          code: 'missing_url',
          detail: 'Cannot send the webhook as url or endpoint_id must be given: both are missing',
        },
  ];
}

/** The key may come as the field, as the header, or as both if they agree. */
function mergeKey(
  field: string | number | null | undefined,
  header: string | undefined,
):
  | { readonly ok: true; readonly value: string | null }
  | { readonly ok: false; readonly error: ProblemPart } {
  if (header === undefined) return { ok: true, value: typeof field === 'string' ? field : null };
  const name = 'Idempotency-Key';
  const refuse = (code: string, rule: string) => {
    const detail = `Cannot send the webhook as ${name} must be ${rule}: it is not`;
    return { ok: false, error: { header: name, code, detail } } as const;
  };
  const key = readIdempotencyKey(header);
  if (!key.ok) return refuse('invalid_idempotency_key', idempotencyKeyRule);
  if (field !== undefined && field !== header) {
    return refuse('idempotency_keys_differ', 'the same as the field idempotency_key');
  }
  return { ok: true, value: header };
}

function argumentsOf(
  values: FieldValues<SendField>,
): Omit<EnqueueArguments, 'body' | 'idempotencyKey'> {
  const text = (name: SendField): string | null => {
    const value = values.get(name);
    return typeof value === 'string' ? value : null;
  };
  const maxAttempts = values.get('max_attempts');
  return {
    url: text('url'),
    endpointId: text('endpoint_id'),
    headers: text('headers'),
    secret: text('secret'),
    contentType: text('content_type'),
    priority: text('priority'),
    sendAt: text('send_at'),
    maxAttempts: typeof maxAttempts === 'number' ? maxAttempts : null,
    traceparent: text('traceparent'),
  };
}
