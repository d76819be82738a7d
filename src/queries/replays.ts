import { type CommonQueryMethods, type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { urlForms } from '../domain/url-forms.ts';
import {
  type ReplayPriority,
  type ReplayRow,
  type ReplayStatus,
  replayColumns,
  replayPriorities,
  replayRow,
} from './replay-row.ts';
import { highestId } from './walk.ts';
import type { MatchCount, WebhookFilter } from './webhook-filter.ts';

/** The order for a replay. */
export interface ReplayOrder extends MatchCount {
  readonly filter: WebhookFilter;
  /** Webhooks put back per second. */
  readonly rateLimitPerS: number | null;
  readonly priority: ReplayPriority;
}

const idRow = z.object({ id: z.string() });

/** Starts a replay, which the workers carry out. Returns its id. */
export async function createReplay(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  { filter, rateLimitPerS, priority, matched, isAtLeast }: ReplayOrder,
): Promise<string> {
  const rank = priority === 'own' ? null : replayPriorities.indexOf(priority);
  return await connection.oneFirst(sql.type(idRow)`
    insert into posthorn.replays
      (
        statuses, endpoint_id, url, normalised_url, from_at, until_at, ids, event_id, event_type, tenant,
        priority, rate_limit_per_s, matched, is_at_least
      )
    values (
      ${sql.array([...filter.statuses], 'text')}::posthorn.webhook_status[],
      ${filter.endpointId}::uuid,
      ${filter.url}::text,
      ${filter.url === null ? null : (urlForms(filter.url)[1] ?? null)}::text,
      ${filter.from}::timestamptz,
      ${filter.until}::timestamptz,
      ${filter.ids === null ? null : sql.array([...filter.ids], 'uuid')}::uuid[],
      ${filter.eventId}::uuid,
      ${filter.eventType}::text,
      ${filter.tenant}::text,
      ${rank}::smallint,
      ${rateLimitPerS}::float8,
      ${matched}::bigint,
      ${isAtLeast}
    )
    returning id`);
}

/** The present states of the webhooks that a replay has put back. */
const results = z.object({
  waiting: z.int(),
  delivering: z.int(),
  delivered: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  is_at_least: z.boolean().describe('It put back more than were counted.'),
});

export const foundReplay = replayRow
  .extend({ results: results.describe('The present states of the webhooks that it has put back.') })
  .meta({ id: 'ReplayWithResults' });

export type FoundReplay = z.infer<typeof foundReplay>;

/**
 * Finds a replay by its id; undefined: there is none. At most `maxCounted` of the webhooks that it put back are
 * counted.
 */
export async function findReplay(
  connection: Pick<CommonQueryMethods, 'maybeOne' | 'one'>,
  id: string,
  { maxCounted = 100_000 }: { readonly maxCounted?: number } = {},
): Promise<FoundReplay | undefined> {
  const replay = await connection.maybeOne(sql.type(replayRow)`
    select ${replayColumns}
    from posthorn.replays as r
    where r.id = ${id}::uuid`);
  if (replay === null) return undefined;
  return { ...replay, results: await connection.one(resultsOf(id, maxCounted)) };
}

/**
 * Counts the latest webhooks that were put back or made due: it reads the indexes for that, and looks each webhook up.
 */
function resultsOf(id: string, maxCounted: number) {
  const latestOf = (table: FragmentSqlToken) => sql.fragment`(
    select t.webhook_id
    from ${table} as t
    where t.replay_id = ${id}::uuid
    order by t.replay_id desc, t.webhook_id desc
    limit ${maxCounted + 1}
  )`;
  return sql.type(results)`
    select
      count(*) filter (where q.webhook_id is not null and coalesce(q.lease_until <= now(), true))::integer as waiting,
      count(*) filter (where q.lease_until > now())::integer as delivering,
      count(*) filter (where e.status = 'delivered')::integer as delivered,
      count(*) filter (where e.status = 'failed')::integer as failed,
      count(*) filter (where e.status = 'cancelled')::integer as cancelled,
      count(*) > ${maxCounted} as is_at_least
    from (
      ${latestOf(sql.fragment`posthorn.former_outcomes`)}
      union all
      ${latestOf(sql.fragment`posthorn.brought_forward`)}
      order by webhook_id desc
      limit ${maxCounted + 1}
    ) as f
    left join posthorn.queue as q on q.webhook_id = f.webhook_id
    left join posthorn.outcomes as e on e.webhook_id = f.webhook_id`;
}

/** A page of replays, newest first. */
export interface ReplayPage {
  readonly replays: readonly ReplayRow[];
  /** Where the next page begins; null after the last one. */
  readonly before: string | null;
}

/** Lists replays by id, newest first: those with an id below `before`, at most `limit`. */
export async function listReplays(
  connection: Pick<CommonQueryMethods, 'any'>,
  options: {
    readonly status: ReplayStatus | undefined;
    readonly limit: number;
    readonly before: string | undefined;
  },
): Promise<ReplayPage> {
  const { status, limit, before = highestId } = options;
  const condition =
    status === undefined
      ? sql.fragment`true`
      : sql.fragment`r.status = ${status}::posthorn.replay_status`;
  const rows = await connection.any(sql.type(replayRow)`
    select ${replayColumns}
    from posthorn.replays as r
    where r.id < ${before}::uuid and ${condition}
    order by r.id desc
    limit ${limit + 1}`);
  const replays = rows.slice(0, limit);
  return { replays, before: rows.length > limit ? (replays.at(-1)?.id ?? null) : null };
}

/**
 * Stops a replay; the workers take its waiting webhooks back. A finished replay can be cancelled too, because it may
 * have put back webhooks that are not sent yet. False: there is no such replay.
 */
export async function cancelReplay(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  id: string,
): Promise<boolean> {
  const found = await connection.maybeOne(sql.type(idRow)`
    with found as materialized (
      select id, status
      from posthorn.replays
      where id = ${id}::uuid
      for update
    ),
    stopped as (
      update posthorn.replays as r
      set
        status = 'cancelling',
        taken_back_to = '00000000-0000-0000-0000-000000000000',
        moved_at = '-infinity',
        paced_until = null
      from found as f
      where r.id = f.id
        and f.status in ('running', 'finished')
    )
    select id
    from found`);
  return found !== null;
}

/** Stops all running replays, as {@link cancelReplay} does. */
export async function cancelRunningReplays(
  connection: Pick<CommonQueryMethods, 'any' | 'maybeOne'>,
): Promise<void> {
  const running = await connection.any(
    sql.type(idRow)`select id from posthorn.replays where status = 'running'`,
  );
  for (const { id } of running) await cancelReplay(connection, id);
}
