import { type CommonQueryMethods, type FragmentSqlToken, sql } from 'slonik';
import { type EventRow, eventColumns, eventRow, recipientsOf, webhooksOf } from './event-row.ts';
import { all, containing, highestId, lookupWalk, pageOf, walkStatement } from './walk.ts';

/** A page of events, newest first. */
export interface EventPage {
  readonly events: readonly EventRow[];
  /** Where the next page begins; null after the last one. */
  readonly before: string | null;
}

/** Selects events. All given conditions must hold. */
export interface EventFilter {
  readonly tenant?: string | undefined;
  readonly eventType?: string | undefined;
  /** Those that went to no endpoint. */
  readonly isWithoutRecipients?: boolean | undefined;
  /** Published at this time or later, and before `until`; RFC 3339. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  /** A part of the type or the tenant, in any case. */
  readonly text?: string | undefined;
  readonly id?: string | undefined;
}

/** At most this many recipients are counted for each event of a page, and for all of them together. */
const maxCounted = 1_000;
const maxCountedOfAPage = 100_000;

/**
 * Lists events by id, newest first: those with an id below `before`, at most `limit`.
 *
 * Events of a tenant are found by an index. All others are searched along the ids of the outbox, among the webhooks that
 * were sent directly, and a page gives up after 10,000 rows: it may be short or empty and not be the last.
 */
export async function listEvents(
  connection: Pick<CommonQueryMethods, 'any' | 'one'>,
  options: {
    readonly limit: number;
    readonly before: string | undefined;
    readonly which?: EventFilter;
  },
): Promise<EventPage> {
  const { limit, before = highestId, which = {} } = options;
  const walked = await connection.one(
    walkStatement(walkOf(which, before), { limit, walk: lookupWalk }),
  );
  const page = pageOf(walked, limit);
  const counted = Math.min(maxCounted, Math.floor(maxCountedOfAPage / limit));
  return { events: await readEvents(connection, page.ids, counted), before: page.before };
}

function walkOf(which: EventFilter, before: string): FragmentSqlToken {
  if (which.isWithoutRecipients) {
    const id = sql.fragment`u.event_id`;
    return sql.fragment`
      select ${id} as id, coalesce((
        select ${all([...matches(which), ofTenant(which), hasNoRecipient])}
        from posthorn.outbox as o
        where o.id = ${id}
      ), false) as is_match
      from posthorn.unmatched_events as u
      where ${all(bounds(which, { id, before }))}
      order by ${id} desc`;
  }
  const id = sql.fragment`o.id`;
  const { tenant } = which;
  const place =
    tenant === undefined ? [] : [sql.fragment`o.event_type is not null`, ofTenant(which)];
  return sql.fragment`
    select ${id} as id, ${all([sql.fragment`o.event_type is not null`, ...matches(which)])} as is_match
    from posthorn.outbox as o
    where ${all([...bounds(which, { id, before }), ...place])}
    order by ${id} desc`;
}

/** Where in the index the rows are. */
function bounds(
  { from, until, id: wanted }: EventFilter,
  { id, before }: { readonly id: FragmentSqlToken; readonly before: string },
): readonly FragmentSqlToken[] {
  const conditions = [sql.fragment`${id} < ${before}::uuid`];
  if (from !== undefined) {
    conditions.push(sql.fragment`${id} >= posthorn.uuid_floor(${from}::timestamptz)`);
  }
  if (until !== undefined) {
    conditions.push(sql.fragment`${id} < posthorn.uuid_floor(${until}::timestamptz)`);
  }
  if (wanted !== undefined) conditions.push(sql.fragment`${id} = ${wanted}::uuid`);
  return conditions;
}

function ofTenant({ tenant }: EventFilter): FragmentSqlToken {
  return tenant === undefined ? sql.fragment`true` : sql.fragment`o.tenant = ${tenant}`;
}

/** An endpoint may have caught up with it since then. */
const hasNoRecipient = sql.fragment`not exists (${webhooksOf(sql.fragment`o.id`)})`;

/** Which of the rows match, besides their tenant. */
function matches({ eventType, text }: EventFilter): readonly FragmentSqlToken[] {
  const conditions: FragmentSqlToken[] = [];
  if (eventType !== undefined) conditions.push(sql.fragment`o.event_type = ${eventType}`);
  if (text !== undefined) {
    const pattern = containing(text);
    conditions.push(
      sql.fragment`(lower(o.event_type) like lower(${pattern}) or lower(o.tenant) like lower(${pattern}))`,
    );
  }
  return conditions;
}

/** "offset 0" keeps Postgres from joining the whole view: each id is looked up separately. The view's recipients are counted
 * without a bound, so they are left out. */
async function readEvents(
  connection: Pick<CommonQueryMethods, 'any'>,
  ids: readonly string[],
  maxCounted: number,
): Promise<readonly EventRow[]> {
  if (ids.length === 0) return [];
  const rows = await connection.any(sql.type(eventRow)`
    select ${eventColumns(maxCounted)}
    from unnest(${sql.array([...ids], 'uuid')}) as wanted (id)
    cross join lateral (
      select
        e.id, e.tenant, e.event_type, e.created_at, e.body_bytes, e.content_type, e.priority, e.send_at, e.max_attempts,
        e.idempotency_key
      from posthorn.redacted_events as e
      where e.id = wanted.id
      offset 0
    ) as v
    cross join lateral (${recipientsOf(maxCounted)}) as c`);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}
