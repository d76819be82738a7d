import { type CommonQueryMethods, type FragmentSqlToken, type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';
import type { Priority } from '../domain/priority.ts';
import { normalisedUrl } from '../domain/url-forms.ts';
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
 * A page may be shorter than the limit, even empty, and not be the last: only `before` tells. Statuses without an index
 * are searched along the ids, and a page gives up after 100,000 rows (60 ms). So the few webhooks that are being
 * delivered, in a queue of ten million, cost the caller many short pages instead of one long statement.
 *
 * A webhook that existed at the first page is neither skipped nor repeated, unless its status changes in the meantime.
 */
export async function listWebhooks(
  connection: Pick<CommonQueryMethods, 'any' | 'one'>,
  options: {
    readonly status: WebhookStatus | undefined;
    readonly limit: number;
    readonly before: string | undefined;
    readonly which?: ListFilter;
  },
): Promise<WebhookPage> {
  const { status, limit, before = highestId, which = {} } = options;
  const { ids, walked_to } = await connection.one(
    walkStatement(walkOf(status, { before, which }), {
      limit,
      walk: needsOutbox(which) ? lookupWalk : maximumWalk,
    }),
  );
  const idsOfPage = ids.slice(0, limit);
  const webhooks = await readWebhooks(connection, idsOfPage);
  return {
    // Between the two statements, the status of a pending or delivering webhook can change.
    webhooks: webhooks.filter((webhook) => status === undefined || webhook.status === status),
    before: ids.length > limit ? (idsOfPage.at(-1) ?? null) : walked_to,
  };
}

/** Selects webhooks of a status. All given conditions must hold. */
export interface ListFilter {
  readonly endpointId?: string | undefined;
  readonly priority?: Priority | undefined;
  /** Enqueued at this time or later, and before `until`; RFC 3339. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  /** A part of the URL, in any case. */
  readonly text?: string | undefined;
  readonly id?: string | undefined;
}

/** An id above all others, where the first page begins. */
export const highestId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Rows that one page may read to fill itself. */
const maximumWalk = 100_000;
/** The same, if each row must be looked up in the outbox. */
const lookupWalk = 10_000;

/** The table in which the ids of a status are found, as "w". */
interface Source {
  readonly table: FragmentSqlToken;
  readonly id: FragmentSqlToken;
  /** The condition on its rows. If there is a partial index, this repeats the index's condition word for word. */
  readonly condition: FragmentSqlToken;
  /** Which of its rows have the status. */
  readonly isMatch: FragmentSqlToken;
}

const queue = {
  table: sql.fragment`posthorn.queue`,
  id: sql.fragment`w.webhook_id`,
  condition: sql.fragment`true`,
};
const outcomes = { ...queue, table: sql.fragment`posthorn.outcomes` };

const sources: Readonly<Record<WebhookStatus | 'any', Source>> = {
  any: {
    table: sql.fragment`posthorn.outbox`,
    id: sql.fragment`w.id`,
    condition: sql.fragment`true`,
    isMatch: sql.fragment`true`,
  },
  pending: { ...queue, isMatch: sql.fragment`coalesce(w.lease_until <= now(), true)` },
  delivering: { ...queue, isMatch: sql.fragment`w.lease_until > now()` },
  delivered: { ...outcomes, isMatch: sql.fragment`w.status = 'delivered'` },
  failed: {
    ...outcomes,
    condition: sql.fragment`w.status = 'failed'`,
    isMatch: sql.fragment`true`,
  },
  cancelled: {
    ...outcomes,
    condition: sql.fragment`w.status = 'cancelled'`,
    isMatch: sql.fragment`true`,
  },
};

/** The ids of a status below one of them, in order, and which of them match. */
function walkOf(
  status: WebhookStatus | undefined,
  { before, which }: { readonly before: string; readonly which: ListFilter },
): FragmentSqlToken {
  const { table, id, condition, isMatch } = sources[status ?? 'any'];
  const conditions = [sql.fragment`${id} < ${before}::uuid`, condition];
  const { endpointId, from, until } = which;
  if (from !== undefined) {
    conditions.push(sql.fragment`${id} >= posthorn.uuid_floor(${from}::timestamptz)`);
  }
  if (until !== undefined) {
    conditions.push(sql.fragment`${id} < posthorn.uuid_floor(${until}::timestamptz)`);
  }
  if (which.id !== undefined) conditions.push(sql.fragment`${id} = ${which.id}::uuid`);
  const matches = [isMatch];
  const own = status === undefined ? ownConditions(which, sql.fragment`w`) : [];
  if (endpointId !== undefined && status !== undefined) {
    // The lane comes first because it is in the row at hand; the destination is in the outbox.
    matches.push(sql.fragment`w.lane = posthorn.lane_of(${endpointId}::uuid)
      and coalesce((
        select o.endpoint_id = ${endpointId}::uuid
        from posthorn.outbox as o
        where o.id = w.outbox_id
      ), false)`);
  }
  if (status !== undefined && needsOutbox(which)) {
    const theirs = ownConditions({ ...which, endpointId: undefined }, sql.fragment`o`);
    // Not "exists", for which Postgres hashes the whole outbox: this way it is at most 10,000 lookups, whatever the
    // size of the history.
    matches.push(sql.fragment`coalesce((
      select ${all(theirs)}
      from posthorn.outbox as o
      where o.id = w.outbox_id
    ), false)`);
  }
  return sql.fragment`
    select ${id} as id, ${all([...matches, ...own])} as is_match
    from ${table} as w
    where ${all(conditions)}
    order by ${id} desc`;
}

/** Conditions on a row of the outbox. */
function ownConditions(
  { endpointId, priority, text }: ListFilter,
  row: FragmentSqlToken,
): FragmentSqlToken[] {
  const conditions: FragmentSqlToken[] = [];
  if (endpointId !== undefined)
    conditions.push(sql.fragment`${row}.endpoint_id = ${endpointId}::uuid`);
  if (priority !== undefined) conditions.push(sql.fragment`${row}.priority = ${priority}`);
  if (text !== undefined) {
    conditions.push(sql.fragment`lower(coalesce(
      ${row}.url,
      (select e.url from posthorn.endpoints as e where e.id = ${row}.endpoint_id),
      '')) like any (array(
        select lower(pattern) from unnest(${sql.array(searchedIn(text).map(containing), 'text')}) as pattern))`);
  }
  return conditions;
}

/** A complete URL is searched as it is written and as the API stores it. */
function searchedIn(text: string): readonly string[] {
  return /^https?:\/\/./i.test(text) ? [text, normalisedUrl(text) ?? text] : [text];
}

/** A LIKE pattern that matches all texts that contain this one. */
function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}

function needsOutbox({ priority, text }: ListFilter): boolean {
  return priority !== undefined || text !== undefined;
}

function all(conditions: readonly FragmentSqlToken[]): FragmentSqlToken {
  return sql.fragment`(${sql.join([sql.fragment`true`, ...conditions], sql.fragment` and `)})`;
}

const walked = z.object({ ids: z.array(z.string()), walked_to: z.string().nullable() });

/**
 * Reads the ids of a page and one more. If there are fewer, also where the walk stopped, unless it reached the end. A
 * CTE is read only as far as its rows are needed, and returns them in its own order: a full page costs as many rows as
 * it takes. An outer ORDER BY would sort, and so read, all of them (before Postgres 17).
 */
function walkStatement(
  source: FragmentSqlToken,
  { limit, walk }: { readonly limit: number; readonly walk: number },
): QuerySqlToken<typeof walked> {
  return sql.type(walked)`
    with walk as materialized (
      ${source}
      limit ${walk}
    ),
    page as materialized (
      select array(select id from walk where is_match limit ${limit + 1}) as ids
    )
    select
      ids,
      case
        when cardinality(ids) <= ${limit} then (select id from walk offset ${walk - 1} limit 1)
      end as walked_to
    from page`;
}

/** "offset 0" keeps Postgres from joining the whole view: each id is looked up separately. */
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
