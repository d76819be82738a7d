import { type CommonQueryMethods, type FragmentSqlToken, sql } from 'slonik';
import type { Priority } from '../domain/priority.ts';
import { normalisedUrl } from '../domain/url-forms.ts';
import {
  all,
  containing,
  highestId,
  lookupWalk,
  maximumWalk,
  pageOf,
  walkStatement,
} from './walk.ts';
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
  const walked = await connection.one(
    walkStatement(walkOf(status, { before, which }), {
      limit,
      walk: needsOutbox(which) ? lookupWalk : maximumWalk,
    }),
  );
  const page = pageOf(walked, limit);
  const webhooks = await readWebhooks(connection, page.ids);
  return {
    // Between the two statements, the status of a pending or delivering webhook can change.
    webhooks: webhooks.filter((webhook) => status === undefined || webhook.status === status),
    before: page.before,
  };
}

/** Selects webhooks of a status. All given conditions must hold. */
export interface ListFilter {
  readonly endpointId?: string | undefined;
  readonly tenant?: string | undefined;
  readonly eventType?: string | undefined;
  /** Those that take this event to an endpoint. */
  readonly eventId?: string | undefined;
  readonly priority?: Priority | undefined;
  /** Enqueued at this time or later, and before `until`; RFC 3339. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  /** A part of the URL, in any case. */
  readonly text?: string | undefined;
  /** Of a webhook; or of an event, of which it finds all webhooks. */
  readonly id?: string | undefined;
}

/** The table, or both, in which the ids of a status are found, as "w". */
interface Source {
  readonly table: FragmentSqlToken;
  /** The condition on its rows. If there is a partial index, this repeats the index's condition word for word. */
  readonly condition: FragmentSqlToken;
  /** Which of its rows have the status. */
  readonly isMatch: FragmentSqlToken;
}

const yes = sql.fragment`true`;
const queue = { table: sql.fragment`posthorn.queue`, condition: yes };
const outcomes = { table: sql.fragment`posthorn.outcomes`, condition: yes };

const sources: Readonly<Record<WebhookStatus | 'any', Source>> = {
  any: {
    // Bare tables: with a condition on one of them, Postgres would not merge them in the order of their indexes, but
    // sort all their rows.
    table: sql.fragment`(
      select webhook_id, outbox_id, lane from posthorn.queue
      union all
      select webhook_id, outbox_id, lane from posthorn.outcomes
    )`,
    condition: yes,
    isMatch: yes,
  },
  pending: { ...queue, isMatch: sql.fragment`coalesce(w.lease_until <= now(), true)` },
  delivering: { ...queue, isMatch: sql.fragment`w.lease_until > now()` },
  delivered: { ...outcomes, isMatch: sql.fragment`w.status = 'delivered'` },
  failed: { ...outcomes, condition: sql.fragment`w.status = 'failed'`, isMatch: yes },
  cancelled: { ...outcomes, condition: sql.fragment`w.status = 'cancelled'`, isMatch: yes },
};

/** The ids of a status below one of them, in order, and which of them match. */
function walkOf(
  status: WebhookStatus | undefined,
  { before, which }: { readonly before: string; readonly which: ListFilter },
): FragmentSqlToken {
  const { table, condition, isMatch } = sources[status ?? 'any'];
  return sql.fragment`
    select w.webhook_id as id, ${all([isMatch, ...matches(which)])} as is_match
    from ${table} as w
    where ${all([...bounds(which, before), condition])}
    order by w.webhook_id desc`;
}

/** Where in the index the rows are. */
function bounds(
  { from, until, eventId, id }: ListFilter,
  before: string,
): readonly FragmentSqlToken[] {
  const conditions = [sql.fragment`w.webhook_id < ${before}::uuid`];
  if (from !== undefined) {
    conditions.push(sql.fragment`w.webhook_id >= posthorn.uuid_floor(${from}::timestamptz)`);
  }
  if (until !== undefined) {
    conditions.push(sql.fragment`w.webhook_id < posthorn.uuid_floor(${until}::timestamptz)`);
  }
  if (eventId !== undefined) {
    conditions.push(
      ...near(eventId),
      sql.fragment`w.outbox_id = ${eventId}::uuid`,
      // A direct send has the id of its row in the outbox.
      sql.fragment`w.webhook_id <> w.outbox_id`,
    );
  }
  if (id !== undefined) {
    conditions.push(...near(id), sql.fragment`${id}::uuid in (w.webhook_id, w.outbox_id)`);
  }
  return conditions;
}

/** Between which ids the webhooks of an event are, and the webhook itself for the id of a webhook. */
function near(id: string): readonly FragmentSqlToken[] {
  return [
    sql.fragment`w.webhook_id >= posthorn.first_webhook_id(${id}::uuid)`,
    sql.fragment`w.webhook_id <= posthorn.last_webhook_id(${id}::uuid)`,
  ];
}

/** Which of the rows match. */
function matches(which: ListFilter): readonly FragmentSqlToken[] {
  const { endpointId } = which;
  // The lane comes first because it is in the row at hand. No two endpoints have the same, but a URL can.
  const ofLane =
    endpointId === undefined ? [] : [sql.fragment`w.lane = posthorn.lane_of(${endpointId}::uuid)`];
  const inOutbox = [
    ...(endpointId === undefined ? [] : [sql.fragment`o.url is null`]),
    ...outboxConditions(which),
  ];
  if (inOutbox.length === 0) return [];
  // Not "exists", for which Postgres hashes the whole outbox: this way it is at most 10,000 lookups, whatever the size
  // of the history.
  return [
    ...ofLane,
    sql.fragment`coalesce((
      select ${all(inOutbox)}
      from posthorn.outbox as o
      where o.id = w.outbox_id
    ), false)`,
  ];
}

/** Conditions on the row of the outbox. */
function outboxConditions({ tenant, eventType, priority, text }: ListFilter): FragmentSqlToken[] {
  const conditions: FragmentSqlToken[] = [];
  if (priority !== undefined) conditions.push(sql.fragment`o.priority = ${priority}`);
  if (eventType !== undefined) conditions.push(sql.fragment`o.event_type = ${eventType}`);
  if (tenant !== undefined) {
    // As in posthorn.webhooks: an event can be of all tenants, and its webhook belongs to that of the endpoint.
    conditions.push(sql.fragment`coalesce(
      nullif(case when o.event_type is null then o.tenant end, ''),
      (select e.tenant from posthorn.endpoints as e where e.lane = w.lane and o.url is null),
      o.tenant) = ${tenant}`);
  }
  if (text !== undefined) {
    conditions.push(sql.fragment`lower(coalesce(
      o.url,
      (select e.url from posthorn.endpoints as e where e.lane = w.lane),
      '')) like any (array(
        select lower(pattern) from unnest(${sql.array(searchedIn(text).map(containing), 'text')}) as pattern))`);
  }
  return conditions;
}

/** A complete URL is searched as it is written and as the API stores it. */
function searchedIn(text: string): readonly string[] {
  return /^https?:\/\/./i.test(text) ? [text, normalisedUrl(text) ?? text] : [text];
}

function needsOutbox({ tenant, eventType, priority, text }: ListFilter): boolean {
  return [tenant, eventType, priority, text].some((given) => given !== undefined);
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
