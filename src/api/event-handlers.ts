import type { Context } from 'hono';
import { z } from 'zod';
import type { EventCheck } from '../catalogue/event-check.ts';
import { isCanonicalUuid } from '../domain/uuid.ts';
import { problemOfError } from '../input/database-problem.ts';
import { readBatchRequest, readEventRequest, recipientsRequest } from '../input/event-request.ts';
import { invalid, keyConflict, notFound } from '../input/problem.ts';
import { oversize } from '../input/send-request.ts';
import { findEvent } from '../queries/find-event.ts';
import { findRecipients } from '../queries/find-recipients.ts';
import { listEvents } from '../queries/list-events.ts';
import { publishBatch } from '../queries/publish-batch.ts';
import { publishEvent } from '../queries/publish-event.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { pageParameters, periodFaults, readListRequest } from './list-request.ts';
import { nameParameter, searchText, timeParameter } from './parameters.ts';
import { readRequest, readRequestValues } from './route-input.ts';
import { defaultBodyLimitBytes, type RouteOptions, requestLimit } from './route-options.ts';

interface PublishOptions extends RouteOptions {
  /** Compares events with the catalogue; undefined: nothing is compared. */
  readonly check: EventCheck | undefined;
}

export async function publish(c: Context<ApiEnv>, options: PublishOptions): Promise<Response> {
  const { pool, bodyLimitBytes = defaultBodyLimitBytes } = options;
  const maxBytes = requestLimit(bodyLimitBytes);
  const given = await readRequestValues(c, { maxBytes, isOptional: false });
  if (!given.ok) return answerProblem(c, given.problem);
  const request = readEventRequest(given.values, {
    idempotencyKeyHeader: c.req.header('idempotency-key'),
    bodyLimitBytes,
  });
  if (!request.ok) return answerProblem(c, request.problem);
  const faults = await options.check?.([{ ...request.event, at: '' }]);
  if (faults?.length) return answerProblem(c, invalid('invalid_event', faults));
  return await orInvalidEvent(c, async () => {
    const published = await publishEvent(pool, request.event);
    if (published.kind === 'conflict') return answerProblem(c, keyConflict('event', published.id));
    if (published.kind === 'known') c.header('Idempotent-Replay', 'true');
    else options.onSent?.();
    c.header('Location', `/events/${published.id}`);
    return c.json({ id: published.id }, 202);
  });
}

/** A batch of small events is larger than one event may be. */
const minBatchBytes = 4 * 1024 * 1024;

export async function publishAll(c: Context<ApiEnv>, options: PublishOptions): Promise<Response> {
  const { pool, bodyLimitBytes = defaultBodyLimitBytes } = options;
  const maxBytes = Math.max(minBatchBytes, requestLimit(bodyLimitBytes));
  const given = await readRequestValues(c, { maxBytes, isOptional: false });
  if (!given.ok) return answerProblem(c, given.problem);
  const request = readBatchRequest(given.values, { bodyLimitBytes });
  if (!request.ok) return answerProblem(c, request.problem);
  const events = request.events.map((event, index) => ({ ...event, at: `/events/${index}` }));
  const faults = await options.check?.(events);
  if (faults?.length) return answerProblem(c, invalid('invalid_event', faults));
  return await orInvalidEvent(c, async () => {
    const published = await publishBatch(pool, request.events);
    if (published.kind === 'conflict') {
      const { detail, kind } = keyConflict('event', published.id);
      const pointer = `/events/${published.index}/idempotency_key`;
      const errors = [{ pointer, code: kind, detail }];
      return answerProblem(c, { kind, detail, errors });
    }
    if (published.known < published.ids.length) options.onSent?.();
    return c.json({ ids: published.ids }, 202);
  });
}

/** A rule of the outbox that an event breaks is that of an event, and not of a webhook. */
async function orInvalidEvent(
  c: Context<ApiEnv>,
  publishing: () => Promise<Response>,
): Promise<Response> {
  try {
    return await publishing();
  } catch (error) {
    const problem = problemOfError(error);
    if (problem.kind !== 'invalid_webhook') throw error;
    return answerProblem(c, { ...problem, kind: 'invalid_event' });
  }
}

/** The query parameters of a list of events. */
export const eventListSet = {
  ...pageParameters(),
  tenant: nameParameter('Those of this tenant. Empty: the application itself; *: all tenants.'),
  event_type: nameParameter('Those of this type.'),
  recipients: z.literal('0', '0').optional().describe('0: those that went to no endpoint.'),
  from: timeParameter('Published from then on.'),
  until: timeParameter('Published before then.'),
  q: searchText('Somewhere in the type or the tenant, in upper or lower case; or an id.'),
};

export async function list(
  c: Context<ApiEnv>,
  { pool, cursorKey }: RouteOptions,
): Promise<Response> {
  const { searchParams } = new URL(c.req.url);
  const request = readListRequest(searchParams, {
    what: 'events',
    set: eventListSet,
    key: cursorKey,
    faultsOf: periodFaults,
  });
  if (!request.ok) return answerProblem(c, request.problem);
  const { tenant, event_type: eventType, recipients: count, from, until, q } = request.values;
  const isId = q !== undefined && isCanonicalUuid(q);
  const { events, before } = await listEvents(pool, {
    ...request,
    which: {
      tenant,
      eventType,
      isWithoutRecipients: count === '0',
      from,
      until,
      ...(isId ? { id: q } : { text: q }),
    },
  });
  return c.json({ events, next_cursor: request.cursorTo(before) });
}

/** So that an answer about a tenant with very many endpoints is not larger than 1 MB or so. */
export const maxRecipients = 1_000;

export async function recipients(c: Context<ApiEnv>, options: RouteOptions): Promise<Response> {
  const { pool, bodyLimitBytes = defaultBodyLimitBytes } = options;
  const read = await readRequest(c, recipientsRequest, {
    kind: 'invalid_event',
    maxBytes: requestLimit(bodyLimitBytes),
    isOptional: false,
  });
  if (!read.ok) return answerProblem(c, read.problem);
  const { tenant, event_type: eventType, body } = read.fields;
  const problem = oversize(body, bodyLimitBytes);
  if (problem !== undefined) return answerProblem(c, problem);
  const found = await findRecipients(pool, {
    tenant: tenant ?? '',
    eventType,
    body,
    most: maxRecipients + 1,
  });
  return c.json({ recipients: found.slice(0, maxRecipients), more: found.length > maxRecipients });
}

export async function show(
  c: Context<ApiEnv>,
  { id, options }: { readonly id: string; readonly options: RouteOptions },
): Promise<Response> {
  const event = await findEvent(options.pool, id);
  return event === undefined ? answerProblem(c, notFound('event', id)) : c.json(event);
}
