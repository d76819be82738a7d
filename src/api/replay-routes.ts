import type { Context } from 'hono';
import { z } from 'zod';
import { flag, numberFrom, oneOf } from '../input/fields.ts';
import { replayFilter, shownOfFilter } from '../input/filter-fields.ts';
import { notFound, type Problem } from '../input/problem.ts';
import { fieldsOf, optional, type Request } from '../input/read-fields.ts';
import { replayPriorities, replayRow, replayStatuses } from '../queries/replay-row.ts';
import {
  cancelReplay,
  createReplay,
  findReplay,
  foundReplay,
  listReplays,
} from '../queries/replays.ts';
import { countMatching, findDeadFilter, type WebhookFilter } from '../queries/webhook-filter.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { listParameters, readListRequest } from './list-request.ts';
import type { Route } from './route.ts';
import { readRequest } from './route-input.ts';
import type { RouteOptions } from './route-options.ts';

/** Send many webhooks again, watch that, and stop it. */
export function replayRoutes(options: RouteOptions): readonly Route[] {
  return [
    {
      method: 'post',
      path: '/replays',
      name: 'startReplay',
      tag: 'replays',
      summary: 'Send many webhooks again, or count them',
      details: 'Those that have ended and match are queued again, each once; workers carry it out.',
      body: {
        schema: orderFields.meta({ id: 'NewReplay' }),
        isOptional: false,
        example: { filter: { status: 'failed', from: '2030-01-31T12:00:00Z' }, dry_run: true },
      },
      answers: {
        200: {
          description: 'A dry run: what would be sent again.',
          schema: matchCount,
          told: 'all',
        },
        202: {
          description: 'Under way.',
          schema: foundReplay,
          headers: { Location: 'Where to watch it.' },
        },
      },
      problems: ['invalid_filter', 'endpoint_not_found', 'event_not_found', 'payload_gone'],
      handle: (c) => start(c, options),
    },
    {
      method: 'get',
      path: '/replays',
      name: 'listReplays',
      tag: 'replays',
      summary: 'List replays, newest first',
      parameters: listSet,
      answers: { 200: { description: 'A page of them.', schema: page } },
      problems: [],
      handle: (c) => list(c, options),
    },
    {
      method: 'get',
      path: '/replays/{id}',
      name: 'showReplay',
      tag: 'replays',
      summary: 'Show how far a replay is, and how its webhooks do',
      answers: { 200: { description: 'The replay.', schema: foundReplay } },
      problems: ['replay_not_found'],
      handle: (c, id) => show(c, { id, options }),
    },
    {
      method: 'post',
      path: '/replays/{id}/cancel',
      name: 'cancelReplay',
      tag: 'replays',
      summary: 'Stop a replay, and take back what it has queued and was not sent yet',
      answers: { 202: { description: 'It stops, or has ended before.', schema: foundReplay } },
      problems: ['replay_not_found'],
      handle: (c, id) => cancel(c, { id, options }),
    },
  ];
}

/** How many webhooks match. */
export const matchCount = z
  .object({
    dry_run: z.literal(true),
    matched: z.int(),
    is_at_least: z.boolean().describe('Counting was given up: there are more.'),
  })
  .meta({ id: 'MatchCount' });

const listSet = listParameters(replayStatuses);

const page = z
  .object({ replays: z.array(replayRow), next_cursor: z.string().nullable() })
  .meta({ id: 'ReplayPage' });

/** How a request with a filter is read. A thousand ids take 39 KB. */
export const filterRequest = {
  kind: 'invalid_filter',
  maxBytes: 131_072,
  isOptional: false,
} as const;

interface Target {
  readonly id: string;
  readonly options: RouteOptions;
}

async function start(c: Context<ApiEnv>, { pool }: RouteOptions): Promise<Response> {
  const read = await readRequest(c, order, filterRequest);
  if (!read.ok) return answerProblem(c, read.problem);
  const { filter, dry_run: isDryRun, rate_limit_per_s: rate, priority } = read.fields;
  const dead = await findDeadFilter(pool, filter);
  if (dead !== undefined) return answerProblem(c, deadFilters[dead](filter));
  const count = await countMatching(pool, filter);
  if (isDryRun) {
    return c.json({ dry_run: true, matched: count.matched, is_at_least: count.isAtLeast });
  }
  const id = await createReplay(pool, {
    filter,
    rateLimitPerS: rate ?? null,
    priority: priority ?? 'low',
    ...count,
  });
  c.header('Location', `/replays/${id}`);
  return c.json(await findReplay(pool, id), 202);
}

const orderFields = fieldsOf({
  filter: replayFilter,
  dry_run: optional(flag, 'Counts, and sends nothing.'),
  rate_limit_per_s: optional(numberFrom(0.1, 10_000), 'Webhooks queued per second.'),
  priority: optional(
    oneOf(replayPriorities),
    'With which they are sent, low if not given; own: each with its own.',
  ),
});

const order: Request<typeof orderFields> = {
  schema: orderFields,
  shown: [...shownOfFilter, 'dry_run', 'rate_limit_per_s', 'priority'],
};

/** What a filter that can match nothing is answered with. */
export const deadFilters = {
  no_endpoint: ({ endpointId }: WebhookFilter): Problem => notFound('endpoint', endpointId ?? ''),
  no_event: ({ eventId }: WebhookFilter): Problem => notFound('event', eventId ?? ''),
  dropped: (): Problem => ({
    kind: 'payload_gone',
    detail:
      'History as old as this has been dropped (POSTHORN_RETENTION), so nothing of it can be sent again',
  }),
} as const;

async function list(c: Context<ApiEnv>, { pool, cursorKey }: RouteOptions): Promise<Response> {
  const { searchParams } = new URL(c.req.url);
  const request = readListRequest(searchParams, { what: 'replays', set: listSet, key: cursorKey });
  if (!request.ok) return answerProblem(c, request.problem);
  const { replays, before } = await listReplays(pool, {
    ...request,
    status: request.values.status,
  });
  return c.json({ replays, next_cursor: request.cursorTo(before) });
}

async function show(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const replay = await findReplay(options.pool, id);
  return replay === undefined ? answerProblem(c, notFound('replay', id)) : c.json(replay);
}

async function cancel(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const isThere = await cancelReplay(options.pool, id);
  if (!isThere) return answerProblem(c, notFound('replay', id));
  return c.json(await findReplay(options.pool, id), 202);
}
