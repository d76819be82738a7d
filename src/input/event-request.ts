// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import type { PublishArguments } from '../queries/enqueue-statement.ts';
import { text } from './fields.ts';
import { webhookHeaders } from './headers.ts';
import { listOf } from './list-of.ts';
import { brokenOutboxRule } from './outbox-rules.ts';
import { invalid, type Problem, type ProblemPart } from './problem.ts';
import { fieldsOf, optional, type Request, readFields, type Values } from './read-fields.ts';
import { body, delivery, tenant } from './send-fields.ts';
import { checkKeyHeader, contentOf, oversize } from './send-request.ts';

const typePattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,15}$/;

/** The type of an event. */
export const eventType = text('the type of an event, like order.paid')
  .meta({ minLength: 1, maxLength: 128, pattern: typePattern.source, examples: ['order.paid'] })
  .superRefine((given, context) => {
    const refuse = (rule: string) => context.addIssue({ code: 'custom', params: { rule } });
    if (given.length > 128 || !typePattern.test(given)) refuse('outbox_event_type_is_words');
    else if (given.startsWith('posthorn.')) refuse('outbox_event_type_is_not_reserved');
  });

/** The fields of POST /events. */
export const eventFields = fieldsOf({
  tenant: optional(
    tenant,
    "Whose endpoints receive it, by the id that your application uses. Left out: your application's own endpoints. * stands for all tenants.",
  ),
  event_type: eventType.describe('What happened, in words with dots between them.'),
  body,
  headers: optional(webhookHeaders, 'Its own headers, 8 KiB at most. Some names are reserved.'),
  ...delivery,
});

const eventRequest: Request<typeof eventFields> = {
  schema: eventFields,
  shown: ['priority', 'send_at', 'max_attempts', 'tenant', 'event_type'],
  brokenRule: brokenOutboxRule,
};

/** Reads the fields of POST /events. */
export function readEventRequest(
  values: Values,
  options: { readonly idempotencyKeyHeader?: string | undefined; readonly bodyLimitBytes: number },
):
  | { readonly ok: true; readonly event: PublishArguments }
  | { readonly ok: false; readonly problem: Problem } {
  const read = readFields(values, eventRequest);
  const errors = [
    ...(read.ok ? [] : read.errors),
    ...checkKeyHeader(values, options.idempotencyKeyHeader),
  ];
  if (!read.ok || errors.length > 0) {
    return { ok: false, problem: invalid('invalid_event', errors) };
  }
  const problem = oversize(read.fields.body, options.bodyLimitBytes);
  if (problem !== undefined) return { ok: false, problem };
  return { ok: true, event: argumentsOf(read.fields, options.idempotencyKeyHeader) };
}

function argumentsOf(
  fields: z.output<typeof eventFields>,
  idempotencyKeyHeader?: string | undefined,
): PublishArguments {
  return { eventType: fields.event_type, ...contentOf(fields, idempotencyKeyHeader) };
}

export const maxEventsOfABatch = 1_000;

/** The fields of POST /events/batch, for its documentation. */
export const batchFields = fieldsOf({
  events: z
    .array(eventFields)
    .min(1)
    .max(maxEventsOfABatch)
    .describe('All are published, or none.'),
});

const batchRule = `a list of 1 to ${maxEventsOfABatch} events`;
const readBatch = fieldsOf({
  events: listOf(eventRequest, { min: 1, max: maxEventsOfABatch, rule: batchRule }),
});

/** Reads the fields of POST /events/batch. */
export function readBatchRequest(
  values: Values,
  { bodyLimitBytes }: { readonly bodyLimitBytes: number },
):
  | { readonly ok: true; readonly events: readonly PublishArguments[] }
  | { readonly ok: false; readonly problem: Problem } {
  const read = readFields(values, { schema: readBatch, shown: [] });
  if (!read.ok) return { ok: false, problem: invalid('invalid_event', read.errors) };
  const events = read.fields.events.map((fields) => argumentsOf(fields));
  const errors = events.flatMap((event, index) => {
    const problem = oversize(event.body, bodyLimitBytes);
    return problem === undefined ? [] : [inEvent(index, 'body', problem)];
  });
  if (errors.length > 0) {
    return { ok: false, problem: { ...invalid('body_too_large', errors), code: 'body_too_large' } };
  }
  const repeated = repeatedKeys(events);
  return repeated.length > 0
    ? { ok: false, problem: invalid('invalid_event', repeated) }
    : { ok: true, events };
}

function inEvent(
  index: number,
  field: string,
  {
    code,
    kind,
    detail,
  }: { readonly code?: string; readonly kind?: string; readonly detail: string },
): ProblemPart {
  return {
    pointer: `/events/${index}/${field}`,
    code: code ?? kind ?? '',
    detail: `events/${index}: ${detail}`,
  };
}

/** A key stands for one event, so the second one with it would not be published. */
function repeatedKeys(events: readonly PublishArguments[]): readonly ProblemPart[] {
  const seen = new Set<string>();
  return events.flatMap(({ tenant: owner, idempotencyKey: key }, index) => {
    if (key === null) return [];
    const place = JSON.stringify([owner ?? '', key]);
    if (!seen.has(place)) {
      seen.add(place);
      return [];
    }
    const detail = 'idempotency_key is that of an earlier event of the batch; give each its own';
    return [inEvent(index, 'idempotency_key', { code: 'repeated_idempotency_key', detail })];
  });
}

/** The fields of POST /events/recipients. */
const questionFields = fieldsOf({
  tenant: optional(tenant, 'As of the event.'),
  event_type: eventType,
  body,
});

export const recipientsRequest: Request<typeof questionFields> = {
  schema: questionFields,
  shown: ['tenant', 'event_type'],
  brokenRule: brokenOutboxRule,
};
