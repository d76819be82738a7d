import { type CommonQueryMethods, type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { urlForms } from '../domain/url-forms.ts';

/** Statuses that can be resent: all but webhooks that are being sent. */
export const replayableStatuses = ['failed', 'cancelled', 'delivered', 'pending'] as const;

export type ReplayableStatus = (typeof replayableStatuses)[number];

/** Selects webhooks. All given conditions must hold. */
export interface WebhookFilter {
  readonly statuses: readonly ReplayableStatus[];
  readonly endpointId: string | null;
  /** The URL of direct sends, without its query. Its normalised form matches as well. */
  readonly url: string | null;
  /** Enqueued at this time or later, RFC 3339. */
  readonly from: string | null;
  /** Enqueued before this time. */
  readonly until: string | null;
  readonly ids: readonly string[] | null;
  /** Webhooks of this event. */
  readonly eventId: string | null;
  /** Webhooks of events of exactly this type. */
  readonly eventType: string | null;
  /** Webhooks of this tenant; empty: of the application itself. */
  readonly tenant: string | null;
}

/** How many match; if counting took too long, at least how many. */
export interface MatchCount {
  readonly matched: number;
  readonly isAtLeast: boolean;
}

const countForMs = 3_000;
/** Rows that one statement may read: about 50 ms, or 100 ms if each is also looked up in the outbox. */
const walkRows = 50_000;

/** Counts the webhooks that match now, for at most 3 s. */
export async function countMatching(
  connection: Pick<CommonQueryMethods, 'one'>,
  filter: WebhookFilter,
): Promise<MatchCount> {
  const startedMs = performance.now();
  for (let matched = 0, after: string | null = null; ; ) {
    const walk: Walk = await connection.one(sql.type(walkRow)`
      select cardinality(webhook_ids) as webhooks, walked_to
      from ${matching(filter, { after, walk: walkRows, most: walkRows })}`);
    matched += walk.webhooks;
    after = walk.walked_to;
    if (after === null) return { matched, isAtLeast: false };
    if (performance.now() - startedMs > countForMs) return { matched, isAtLeast: true };
  }
}

const walkRow = z.object({ webhooks: z.int(), walked_to: z.string().nullable() });

type Walk = z.infer<typeof walkRow>;

/** Builds a call of posthorn.matching(): the webhooks that match, after a given one, ordered by id. */
export function matching(
  filter: WebhookFilter,
  page: { readonly after: string | null; readonly walk: number; readonly most: number },
): FragmentSqlToken {
  const { statuses, endpointId, url, from, until, ids, eventId, eventType, tenant } = filter;
  return sql.fragment`posthorn.matching(
    statuses => ${sql.array([...statuses], 'text')}::posthorn.webhook_status[],
    endpoint_id => ${endpointId}::uuid,
    urls => ${url === null ? null : sql.array([...urlForms(url)], 'text')}::text[],
    ids => ${ids === null ? null : sql.array([...ids], 'uuid')}::uuid[],
    after => greatest(${page.after}::uuid, posthorn.uuid_floor(coalesce(${from}::timestamptz, 'epoch'))),
    before => coalesce(posthorn.uuid_floor(${until}::timestamptz), 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
    ended_before => now(),
    walk => ${page.walk}::integer,
    most => ${page.most}::integer,
    event_id => ${eventId}::uuid,
    event_type => ${eventType}::text,
    tenant => ${tenant}::text)`;
}

/** Why a filter cannot match any webhook. */
export type DeadFilter = 'no_endpoint' | 'no_event' | 'dropped';

const reachRow = z.object({
  has_endpoint: z.boolean(),
  has_event: z.boolean(),
  is_kept: z.boolean(),
});

/** Finds out whether the filter's endpoint or event is missing, or all the history that it asks for has been dropped. */
export async function findDeadFilter(
  connection: Pick<CommonQueryMethods, 'one'>,
  { endpointId, until, ids, eventId }: WebhookFilter,
): Promise<DeadFilter | undefined> {
  const reach = await connection.one(sql.type(reachRow)`
    select
      ${endpointId}::uuid is null or exists (
        select
        from posthorn.endpoints as e
        where e.id = ${endpointId}::uuid and e.status <> 'deleted'
      ) as has_endpoint,
      ${eventId}::uuid is null
        or exists (
          select
          from posthorn.outbox as o
          where o.id = ${eventId}::uuid and o.event_type is not null
        )
        or posthorn.is_dropped(${eventId}::uuid) as has_event,
      coalesce(
        ${until}::timestamptz > (
          select min(day)::timestamp at time zone 'UTC'
          from posthorn.partition_days() as day)
          -- Webhooks that were unfinished when their day was dropped still exist.
          or exists (select from posthorn.outbox as o where o.id < posthorn.uuid_floor(${until}::timestamptz)),
        true)
        and (
          ${ids === null}
          or exists (
            select
            from unnest(${sql.array([...(ids ?? [])], 'uuid')}) as named (id)
            where not posthorn.is_dropped(named.id)
          )
        )
        and (
          ${eventId}::uuid is null
          or exists (select from posthorn.outbox as o where o.id = ${eventId}::uuid)
          or not posthorn.is_dropped(${eventId}::uuid)
        ) as is_kept`);
  if (!reach.has_endpoint) return 'no_endpoint';
  if (!reach.has_event) return 'no_event';
  return reach.is_kept ? undefined : 'dropped';
}
