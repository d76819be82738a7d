import type { Context, Hono } from 'hono';
import type { ReplayPriority } from '../queries/replay-row.ts';
import { replayPriorities, replayStatuses } from '../queries/replay-row.ts';
import { cancelReplay, createReplay, findReplay, listReplays } from '../queries/replays.ts';
import { countMatching, findDeadFilter, type WebhookFilter } from '../queries/webhook-filter.ts';
import { type ApiEnv, methodNotAllowed } from './base.ts';
import { readFilter } from './filter-fields.ts';
import { readListRequest } from './list-request.ts';
import { answerProblem, invalid, type Problem, type ProblemPart } from './problem.ts';
import { type FieldSet, readFields, refused } from './read-fields.ts';
import { readId, readMembers, refuseParameters } from './route-input.ts';
import { readNumber } from './send-fields.ts';
import { textOf } from './send-text.ts';
import type { RouteOptions } from './webhook-routes.ts';

/** Send many webhooks again, watch that, and stop it. */
export function addReplayRoutes(app: Hono<ApiEnv>, options: RouteOptions): void {
  app.post('/replays', (c) => start(c, options));
  app.get('/replays', (c) => list(c, options));
  app.all('/replays', methodNotAllowed('GET, HEAD, POST'));
  app.get('/replays/:id', (c) => withReplay(c, (id) => show(c, { id, options })));
  app.all('/replays/:id', methodNotAllowed('GET, HEAD'));
  app.post('/replays/:id/cancel', (c) => withReplay(c, (id) => cancel(c, { id, options })));
  app.all('/replays/:id/cancel', methodNotAllowed('POST'));
}

/** A thousand ids take 39 KB. */
export const filterRequestBytes = 131_072;

interface Target {
  readonly id: string;
  readonly options: RouteOptions;
}

async function withReplay(
  c: Context<ApiEnv>,
  act: (id: string) => Promise<Response>,
): Promise<Response> {
  const stray = refuseParameters(c);
  if (stray !== undefined) return stray;
  const id = readId(c, 'replay');
  return typeof id === 'string' ? act(id) : answerProblem(c, id);
}

async function start(c: Context<ApiEnv>, { pool }: RouteOptions): Promise<Response> {
  const stray = refuseParameters(c);
  if (stray !== undefined) return stray;
  const order = await readOrder(c);
  if ('kind' in order) return answerProblem(c, order);
  const { filter, isDryRun } = order;
  const dead = await findDeadFilter(pool, filter);
  if (dead !== undefined) return answerProblem(c, deadFilters[dead](filter));
  const count = await countMatching(pool, filter);
  if (isDryRun) {
    return c.json({ dry_run: true, matched: count.matched, is_at_least: count.isAtLeast });
  }
  const id = await createReplay(pool, { ...order, ...count });
  c.header('Location', `/replays/${id}`);
  return c.json(await findReplay(pool, id), 202);
}

interface Order {
  readonly filter: WebhookFilter;
  readonly rateLimitPerS: number | null;
  readonly priority: ReplayPriority;
  readonly isDryRun: boolean;
}

const doing = 'replay';

const orderFields: FieldSet<'filter' | 'dry_run' | 'rate_limit_per_s' | 'priority'> = {
  doing,
  readers: {
    filter: (json) => ({ ok: true, value: json }),
    dry_run: readBoolean,
    rate_limit_per_s: (json) => readNumber(json, { min: 0.1, max: 10_000, isWhole: false }),
    priority: (json) => {
      const value = textOf(json);
      const isKnown = replayPriorities.some((known) => known === value);
      return isKnown && value !== undefined
        ? { ok: true, value }
        : refused(`one of ${replayPriorities.join(', ')}`);
    },
  },
  required: ['filter'],
  ignoresNull: true,
  nullable: [],
  shown: ['dry_run', 'rate_limit_per_s', 'priority'],
  brokenRule: (code) => ({ code, detail: 'Cannot replay' }),
};

/** As the text that Postgres takes. */
export function readBoolean(json: string) {
  return json === 'true' || json === 'false'
    ? ({ ok: true, value: json } as const)
    : refused('true or false');
}

async function readOrder(c: Context<ApiEnv>): Promise<Order | Problem> {
  const members = await readMembers(c, { maximumBytes: filterRequestBytes, isOptional: false });
  if ('kind' in members) return members;
  const { values, errors } = readFields(members, orderFields);
  const all: ProblemPart[] = [...errors];
  const { filter, errors: inFilter } = readFilter(String(values.get('filter') ?? '{}'), {
    doing,
    hasStatus: true,
  });
  if (values.has('filter')) all.push(...inFilter);
  if (all.length > 0) return invalid('invalid_filter', all);
  const rate = values.get('rate_limit_per_s');
  const priority = replayPriorities.find((known) => known === values.get('priority')) ?? 'low';
  return {
    filter,
    rateLimitPerS: typeof rate === 'number' ? rate : null,
    priority,
    isDryRun: values.get('dry_run') === 'true',
  };
}

/** What a filter that can match nothing is answered with. */
export const deadFilters = {
  no_endpoint: ({ endpointId }: WebhookFilter): Problem => ({
    kind: 'endpoint_not_found',
    detail: `Cannot find the endpoint as there must be one with this id that is not deleted: current value is ${endpointId}`,
  }),
  dropped: (): Problem => ({
    kind: 'payload_gone',
    detail:
      'Cannot replay as what is to be sent must still be there: history as old as this has been dropped (POSTHORN_RETENTION)',
  }),
} as const;

async function list(c: Context<ApiEnv>, { pool, cursorKey }: RouteOptions): Promise<Response> {
  const request = readListRequest(new URL(c.req.url).searchParams, {
    what: 'replays',
    statuses: replayStatuses,
    cursorKey,
  });
  if (!request.ok) return answerProblem(c, request.problem);
  const { replays, before } = await listReplays(pool, request);
  return c.json({ replays, next_cursor: request.cursorTo(before) });
}

async function show(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const replay = await findReplay(options.pool, id);
  return replay === undefined ? answerProblem(c, notFound(id)) : c.json(replay);
}

async function cancel(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const isThere = await cancelReplay(options.pool, id);
  if (!isThere) return answerProblem(c, notFound(id));
  return c.json(await findReplay(options.pool, id), 202);
}

function notFound(id: string): Problem {
  const detail = `Cannot find the replay as there must be one with this id: current value is ${id}`;
  return { kind: 'replay_not_found', detail };
}
