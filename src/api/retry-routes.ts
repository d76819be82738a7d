import type { Context } from 'hono';
import { z } from 'zod';
import { described, flag } from '../input/fields.ts';
import { filterField, readFilter } from '../input/filter-fields.ts';
import { invalid } from '../input/problem.ts';
import { bodySchemaOf, type FieldSet, readFields } from '../input/read-fields.ts';
import { cancelRefusal, retryRefusal } from '../input/refusals.ts';
import { findWebhook, foundWebhook } from '../queries/find-webhook.ts';
import { cancelMatching, cancelWebhook, retryWebhook } from '../queries/put-back.ts';
import { countMatching, findDeadFilter } from '../queries/webhook-filter.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { deadFilters, filterRequestBytes, matchCount } from './replay-routes.ts';
import type { Route } from './route.ts';
import { readMembers } from './route-input.ts';
import type { RouteOptions } from './webhook-routes.ts';

/** Send one webhook again, cancel one that waits, cancel many. */
export function retryRoutes(options: RouteOptions): readonly Route[] {
  return [
    {
      method: 'post',
      path: '/webhooks/{id}/retry',
      name: 'retryWebhook',
      tag: 'webhooks',
      summary: 'Send a webhook again, or now',
      details: 'One that has ended is queued again; one that waits for its next try is due now.',
      body: {
        schema: bodySchemaOf(retryFields).meta({ id: 'WebhookRetry' }),
        isOptional: true,
        example: { force: true },
      },
      answers: { 202: { description: 'In the queue, and due.', schema: foundWebhook } },
      problems: ['invalid_webhook', 'webhook_not_found', 'webhook_state_conflict', 'payload_gone'],
      handle: (c, id) => retry(c, { id, options }),
    },
    {
      method: 'post',
      path: '/webhooks/{id}/cancel',
      name: 'cancelWebhook',
      tag: 'webhooks',
      summary: 'Cancel a webhook that waits',
      body: {
        schema: bodySchemaOf(noFields),
        isOptional: true,
        example: {},
      },
      answers: { 200: { description: 'Cancelled.', schema: foundWebhook } },
      problems: ['invalid_webhook', 'webhook_not_found', 'webhook_state_conflict', 'payload_gone'],
      handle: (c, id) => cancel(c, { id, options }),
    },
    {
      method: 'post',
      path: '/webhooks/cancel',
      name: 'cancelWebhooks',
      tag: 'webhooks',
      summary: 'Cancel many webhooks that wait, or count them',
      body: {
        schema: bodySchemaOf(cancelFields).meta({ id: 'Cancelling' }),
        isOptional: false,
        example: { filter: { url: 'http://127.0.0.1:9000/hook' }, dry_run: true },
      },
      answers: {
        200: {
          description: 'What was cancelled, or would be.',
          schema: cancelled,
          told: 'all',
        },
      },
      problems: ['invalid_filter', 'endpoint_not_found'],
      handle: (c) => cancelMany(c, options),
    },
  ];
}

const cancelled = z.union([
  matchCount,
  z
    .object({
      cancelled: z.int(),
      is_complete: z.boolean().describe('False: there are more, ask again.'),
    })
    .meta({ id: 'Cancelled' }),
]);

interface Target {
  readonly id: string;
  readonly options: RouteOptions;
}

const requestBytes = 4_096;

const retryFields: FieldSet<'force'> = {
  doing: 'retry the webhook',
  fields: { force: described('One that was delivered, too.', flag) },
  required: [],
  ignoresNull: true,
  nullable: [],
  shown: ['force'],
  brokenRule: (code) => ({ code, detail: 'Cannot retry the webhook' }),
};

async function retry(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const members = await readMembers(c, { maximumBytes: requestBytes, isOptional: true });
  if ('kind' in members) return answerProblem(c, members);
  const { values, errors } = readFields(members, retryFields);
  if (errors.length > 0) return answerProblem(c, invalid('invalid_webhook', errors));
  const became = await retryWebhook(options.pool, { id, force: values.get('force') === 'true' });
  const problem = retryRefusal(became, { id, force: '"force": true' });
  if (problem !== undefined) return answerProblem(c, problem);
  if (became !== 'already_due') options.onSent?.();
  return c.json(await findWebhook(options.pool, id), 202);
}

async function cancel(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const members = await readMembers(c, { maximumBytes: requestBytes, isOptional: true });
  if ('kind' in members) return answerProblem(c, members);
  const { errors } = readFields(members, noFields);
  if (errors.length > 0) return answerProblem(c, invalid('invalid_webhook', errors));
  const became = await cancelWebhook(options.pool, id);
  const problem = cancelRefusal(became, { id });
  return problem === undefined
    ? c.json(await findWebhook(options.pool, id))
    : answerProblem(c, problem);
}

const noFields: FieldSet<never> = {
  doing: 'cancel the webhook',
  fields: {},
  required: [],
  ignoresNull: true,
  nullable: [],
  shown: [],
  brokenRule: (code) => ({ code, detail: 'Cannot cancel the webhook' }),
};

const cancelFields: FieldSet<'filter' | 'dry_run'> = {
  doing: 'cancel',
  fields: {
    filter: filterField({ hasStatus: false }),
    dry_run: described('Counts, and cancels nothing.', flag),
  },
  required: ['filter'],
  ignoresNull: true,
  nullable: [],
  shown: ['dry_run'],
  brokenRule: (code) => ({ code, detail: 'Cannot cancel' }),
};

async function cancelMany(c: Context<ApiEnv>, { pool }: RouteOptions): Promise<Response> {
  const members = await readMembers(c, { maximumBytes: filterRequestBytes, isOptional: false });
  if ('kind' in members) return answerProblem(c, members);
  const { values, errors } = readFields(members, cancelFields);
  const read = readFilter(String(values.get('filter') ?? '{}'), {
    doing: 'cancel',
    hasStatus: false,
  });
  const all = values.has('filter') ? [...errors, ...read.errors] : errors;
  if (all.length > 0) return answerProblem(c, invalid('invalid_filter', all));
  const filter = { ...read.filter, statuses: ['pending'] as const };
  if ((await findDeadFilter(pool, filter)) === 'no_endpoint') {
    return answerProblem(c, deadFilters.no_endpoint(filter));
  }
  if (values.get('dry_run') === 'true') {
    const count = await countMatching(pool, filter);
    return c.json({ dry_run: true, matched: count.matched, is_at_least: count.isAtLeast });
  }
  const done = await cancelMatching(pool, filter);
  return c.json({ cancelled: done.matched, is_complete: !done.isAtLeast });
}
