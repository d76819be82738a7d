// Pure: no I/O, no clock, no randomness.

import { readJsonObject } from '../domain/json-text.ts';
import type { EnqueueArguments } from '../queries/enqueue-statement.ts';
import { brokenOutboxRule } from './outbox-rules.ts';
import { type Problem, type ProblemPart, pointerTo, shown } from './problem.ts';
import {
  type FieldFault,
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
  if (!object.ok) {
    const rule = object.fault === 'not_an_object' ? 'a JSON object' : 'JSON that is strictly valid';
    const detail = `Cannot read the body as it must be ${rule}: ${object.detail}`;
    return { ok: false, problem: { kind: object.fault, detail } };
  }
  const { values, errors } = readFields(object.members);
  const key = mergeKey(values.get('idempotency_key'), options.idempotencyKeyHeader);
  if (!key.ok) errors.push(key.error);
  if (!key.ok || errors.length > 0) return { ok: false, problem: refusal(errors) };
  const body = String(values.get('body'));
  const bodyBytes = Buffer.byteLength(body);
  if (bodyBytes > options.bodyLimitBytes) {
    const detail = `Cannot send the webhook as its body must be at most ${options.bodyLimitBytes} bytes: current size is ${bodyBytes}`;
    return { ok: false, problem: { kind: 'body_too_large', detail } };
  }
  return { ok: true, webhook: { ...argumentsOf(values), body, idempotencyKey: key.value } };
}

type Values = Map<SendField, string | number | null>;

function readFields(members: ReadonlyMap<string, string>): {
  readonly values: Values;
  readonly errors: ProblemPart[];
} {
  const values: Values = new Map();
  const errors: ProblemPart[] = [];
  for (const [name, json] of members) {
    if (!isField(name)) {
      const detail = `Cannot send the webhook as its fields must be ${Object.keys(sendFields).join(', ')}: ${shown(name)} is none`;
      errors.push({ pointer: pointerTo(name), code: 'unknown_field', detail });
    } else if (json !== 'null' || isRequired(name)) {
      const result = sendFields[name](json);
      if (result.ok) values.set(name, result.value);
      else errors.push(...result.faults.map((fault) => fieldError(name, { fault, json })));
    }
  }
  for (const name of required) {
    if (members.has(name)) continue;
    const detail = `Cannot send the webhook as ${name} must be given: it is missing`;
    errors.push({ pointer: `/${name}`, code: `missing_${name}`, detail });
  }
  return { values, errors };
}

const required = ['url', 'body'] as const;

function isRequired(name: SendField): boolean {
  return required.some((candidate) => candidate === name);
}

function isField(name: string): name is SendField {
  return Object.hasOwn(sendFields, name);
}

/** What a field holds may be secret: only these are shown. */
const shownFields: readonly SendField[] = ['priority', 'send_at', 'max_attempts'];

function fieldError(
  name: SendField,
  { fault, json }: { readonly fault: FieldFault; readonly json: string },
): ProblemPart {
  if ('rule' in fault) return brokenOutboxRule(fault.rule, fault);
  const { mustBe, at } = fault;
  const current = shownFields.includes(name) ? `: current value is ${shown(json)}` : ': it is not';
  return {
    pointer: at === undefined ? `/${name}` : `/${name}${pointerTo(at)}`,
    code: `invalid_${name}`,
    detail: `Cannot send the webhook as ${name}${at === undefined ? '' : ` ${shown(at)}`} must be ${mustBe}${current}`,
  };
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

function refusal(errors: readonly ProblemPart[]): Problem {
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return {
    kind: 'invalid_webhook',
    ...(first === undefined ? {} : { code: first.code }),
    detail: `${first?.detail ?? ''}${more}`,
    errors: errors.slice(0, 20),
  };
}

function argumentsOf(values: Values): Omit<EnqueueArguments, 'body' | 'idempotencyKey'> {
  const text = (name: SendField): string | null => {
    const value = values.get(name);
    return typeof value === 'string' ? value : null;
  };
  const maxAttempts = values.get('max_attempts');
  return {
    url: text('url') ?? '',
    headers: text('headers'),
    secret: text('secret'),
    contentType: text('content_type'),
    priority: text('priority'),
    sendAt: text('send_at'),
    maxAttempts: typeof maxAttempts === 'number' ? maxAttempts : null,
    traceparent: text('traceparent'),
  };
}
