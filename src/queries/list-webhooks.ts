import { type CommonQueryMethods, type FragmentSqlToken, type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';
import { type WebhookRow, type WebhookStatus, webhookColumns, webhookRow } from './webhook-row.ts';

/** A page of webhooks, newest first. */
export interface WebhookPage {
  readonly webhooks: readonly WebhookRow[];
  /** Where the next page begins; null after the last one. */
  readonly before: string | null;
}

/**
 * Lists webhooks by id, newest first: those with an id below `before`, at most `limit`.
 *
 * A page may be shorter than the limit, even empty, and not be the last: only `before` tells. Statuses that have no index
 * of their own are looked for along the ids, and a page gives up after 100,000 rows (60 ms), so that the few that are
 * being delivered out of a queue of ten million cost a caller many short pages, and nobody one long statement.
 *
 * No webhook that was there at the first page is skipped or repeated, unless its status changes meanwhile.
 */
export async function listWebhooks(
  connection: Pick<CommonQueryMethods, 'any' | 'one'>,
  options: {
    readonly status: WebhookStatus | undefined;
    readonly limit: number;
    readonly before: string | undefined;
  },
): Promise<WebhookPage> {
  const { status, limit, before = highestId } = options;
  const { ids, walked_to } = await connection.one(
    walkStatement(walks[status ?? 'any'](before), limit),
  );
  const idsOfPage = ids.slice(0, limit);
  const webhooks = await readWebhooks(connection, idsOfPage);
  return {
    // Between the two statements a webhook can go on from pending or delivering.
    webhooks: webhooks.filter((webhook) => status === undefined || webhook.status === status),
    before: ids.length > limit ? (idsOfPage.at(-1) ?? null) : walked_to,
  };
}

/** Above every id: where the first page begins. */
export const highestId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Rows that one page may read to fill itself. */
const maximumWalk = 100_000;

/**
 * Where the ids of a status are found, in order, and which of them match. The predicates of failed and cancelled are
 * those of their partial indexes, word for word.
 */
const walks: Readonly<Record<WebhookStatus | 'any', (before: string) => FragmentSqlToken>> = {
  any: (before) => sql.fragment`
    select id, true as is_match
    from posthorn.outbox
    where id < ${before}::uuid
    order by id desc`,
  pending: (before) => sql.fragment`
    select webhook_id as id, coalesce(lease_until <= now(), true) as is_match
    from posthorn.queue
    where webhook_id < ${before}::uuid
    order by webhook_id desc`,
  delivering: (before) => sql.fragment`
    select webhook_id as id, lease_until > now() as is_match
    from posthorn.queue
    where webhook_id < ${before}::uuid
    order by webhook_id desc`,
  delivered: (before) => sql.fragment`
    select webhook_id as id, status = 'delivered' as is_match
    from posthorn.outcomes
    where webhook_id < ${before}::uuid
    order by webhook_id desc`,
  failed: (before) => sql.fragment`
    select webhook_id as id, true as is_match
    from posthorn.outcomes
    where status = 'failed' and webhook_id < ${before}::uuid
    order by webhook_id desc`,
  cancelled: (before) => sql.fragment`
    select webhook_id as id, true as is_match
    from posthorn.outcomes
    where status = 'cancelled' and webhook_id < ${before}::uuid
    order by webhook_id desc`,
};

const walked = z.object({ ids: z.array(z.string()), walked_to: z.string().nullable() });

/**
 * The ids of a page and one more; when there are not that many, how far the walk went, unless it came to the end.
 *
 * A CTE is read only as far as somebody asks for its rows, and gives them in its own order: a full page costs as many
 * rows as it takes. An ORDER BY outside would sort, so read, all of them (before Postgres 17).
 */
function walkStatement(walk: FragmentSqlToken, limit: number): QuerySqlToken<typeof walked> {
  return sql.type(walked)`
    with walk as materialized (
      ${walk}
      limit ${maximumWalk}
    ),
    page as materialized (
      select array(select id from walk where is_match limit ${limit + 1}) as ids
    )
    select
      ids,
      case
        when cardinality(ids) <= ${limit} then (select id from walk offset ${maximumWalk - 1} limit 1)
      end as walked_to
    from page`;
}

/** "offset 0" keeps the view from being joined as a whole: each id is looked up by itself. */
async function readWebhooks(
  connection: Pick<CommonQueryMethods, 'any'>,
  ids: readonly string[],
): Promise<readonly WebhookRow[]> {
  if (ids.length === 0) return [];
  const rows = await connection.any(sql.type(webhookRow)`
    select ${webhookColumns}
    from unnest(${sql.array(ids, 'uuid')}) as wanted (id)
    cross join lateral (
      select *
      from posthorn.webhooks
      where id = wanted.id
      offset 0
    ) as w`);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}
