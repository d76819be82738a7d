import type { Context } from 'hono';
import { z } from 'zod';
import { flag } from '../input/fields.ts';
import { cancelFilter, shownOfFilter } from '../input/filter-fields.ts';
import { fieldsOf, optional, type Request } from '../input/read-fields.ts';
import { cancelRefusal, retryRefusal } from '../input/refusals.ts';
import { findWebhook, foundWebhook } from '../queries/find-webhook.ts';
import { cancelMatching, cancelWebhook, retryWebhook } from '../queries/put-back.ts';
import { countMatching, findDeadFilter } from '../queries/webhook-filter.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { deadFilters, filterRequest, matchCount } from './replay-routes.ts';
import type { Route } from './route.ts';
import { readRequest } from './route-input.ts';
import type { RouteOptions } from './route-options.ts';

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
        schema: retryFields.meta({ id: 'WebhookRetry' }),
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
        schema: noFields,
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
        schema: cancelFields.meta({ id: 'Cancelling' }),
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
      problems: ['invalid_filter', 'endpoint_not_found', 'event_not_found'],
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

const webhookRequest = { kind: 'invalid_webhook', maxBytes: 4_096, isOptional: true } as const;

const retryFields = fieldsOf({ force: optional(flag, 'One that was delivered, too.') });

const retryRequest: Request<typeof retryFields> = { schema: retryFields, shown: ['force'] };

async function retry(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const read = await readRequest(c, retryRequest, webhookRequest);
  if (!read.ok) return answerProblem(c, read.problem);
  const became = await retryWebhook(options.pool, { id, force: read.fields.force ?? false });
  const problem = retryRefusal(became, { id, force: '"force": true' });
  if (problem !== undefined) return answerProblem(c, problem);
  if (became !== 'already_due') options.onSent?.();
  return c.json(await findWebhook(options.pool, id), 202);
}

async function cancel(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const read = await readRequest(c, { schema: noFields, shown: [] }, webhookRequest);
  if (!read.ok) return answerProblem(c, read.problem);
  const became = await cancelWebhook(options.pool, id);
  const problem = cancelRefusal(became, { id });
  return problem === undefined
    ? c.json(await findWebhook(options.pool, id))
    : answerProblem(c, problem);
}

const noFields = fieldsOf({});

const cancelFields = fieldsOf({
  filter: cancelFilter,
  dry_run: optional(flag, 'Counts, and cancels nothing.'),
});

const cancelRequest: Request<typeof cancelFields> = {
  schema: cancelFields,
  shown: [...shownOfFilter, 'dry_run'],
};

async function cancelMany(c: Context<ApiEnv>, { pool }: RouteOptions): Promise<Response> {
  const read = await readRequest(c, cancelRequest, filterRequest);
  if (!read.ok) return answerProblem(c, read.problem);
  const { filter, dry_run: isDryRun } = read.fields;
  const dead = await findDeadFilter(pool, filter);
  if (dead === 'no_endpoint' || dead === 'no_event') {
    return answerProblem(c, deadFilters[dead](filter));
  }
  if (isDryRun) {
    const count = await countMatching(pool, filter);
    return c.json({ dry_run: true, matched: count.matched, is_at_least: count.isAtLeast });
  }
  const done = await cancelMatching(pool, filter);
  return c.json({ cancelled: done.matched, is_complete: !done.isAtLeast });
}
