import { type CommonQueryMethods, type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { time, uuid } from './shapes.ts';
import { all, highestId, lookupWalk, pageOf, walkStatement } from './walk.ts';

/** A subscription. Times are RFC 3339 in UTC. */
export const subscriptionRow = z
  .object({
    id: uuid,
    endpoint_id: uuid,
    tenant: z.string().describe('That of the endpoint.'),
    event_type: z.string().describe('A type, order.* for all types below order, or *.'),
    filter: z.string().nullable().describe('A jsonpath predicate, as Postgres writes it.'),
    created_at: time,
    ended_at: time.nullable().describe('Null: in force.'),
  })
  .meta({ id: 'Subscription' });

export type SubscriptionRow = z.infer<typeof subscriptionRow>;

/** The columns of {@link subscriptionRow}, from posthorn.subscriptions as s. */
const columns = sql.fragment`
  s.id, s.endpoint_id, s.tenant, s.event_type, s.filter::text as filter, s.created_at, s.ended_at`;

/** Which events an endpoint receives. */
export interface NewSubscription {
  readonly eventType: string;
  readonly filter: string | null;
}

const idRow = z.object({ id: uuid });

/** Subscribes an endpoint; one that has the same subscription already keeps it. Returns the ids of the new ones. */
export async function subscribe(
  connection: Pick<CommonQueryMethods, 'anyFirst'>,
  {
    endpointId,
    subscriptions,
  }: {
    readonly endpointId: string;
    readonly subscriptions: readonly NewSubscription[];
  },
): Promise<readonly string[]> {
  if (subscriptions.length === 0) return [];
  const types = subscriptions.map(({ eventType }) => eventType);
  const filters = subscriptions.map(({ filter }) => filter);
  return await connection.anyFirst(sql.type(idRow)`
    insert into posthorn.subscriptions (endpoint_id, event_type, filter)
    select ${endpointId}::uuid, n.event_type, n.filter::jsonpath
    from unnest(${sql.array(types, 'text')}, ${sql.array(filters, 'text')})
      with ordinality as n (event_type, filter, place)
    order by n.place
    on conflict do nothing
    returning id`);
}

/** Finds the subscription of an endpoint that is in force and the same. */
export async function findSame(
  connection: Pick<CommonQueryMethods, 'maybeOneFirst'>,
  { endpointId, eventType, filter }: NewSubscription & { readonly endpointId: string },
): Promise<string | undefined> {
  const id = await connection.maybeOneFirst(sql.type(idRow)`
    select id
    from posthorn.subscriptions
    where endpoint_id = ${endpointId}::uuid
      and event_type = ${eventType}
      and coalesce(filter::text, '') = coalesce(${filter}::jsonpath::text, '')
      and ended_at is null`);
  return id ?? undefined;
}

/** Finds a subscription, also one that has ended; undefined: there is none. */
export async function findSubscription(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  id: string,
): Promise<SubscriptionRow | undefined> {
  const row = await connection.maybeOne(sql.type(subscriptionRow)`
    select ${columns}
    from posthorn.subscriptions as s
    where s.id = ${id}::uuid`);
  return row ?? undefined;
}

/** Ends a subscription; false: there is none. One that has ended stays as it is. */
export async function endSubscription(
  connection: Pick<CommonQueryMethods, 'maybeOneFirst'>,
  id: string,
): Promise<boolean> {
  const ended = await connection.maybeOneFirst(sql.type(idRow)`
    with ended as (
      update posthorn.subscriptions
      set ended_at = now()
      where id = ${id}::uuid and ended_at is null
    )
    select id
    from posthorn.subscriptions
    where id = ${id}::uuid`);
  return ended !== null;
}

const mostOfEndpoint = 1_000;

/** The subscriptions of an endpoint that are in force, oldest first; at most 1,000. */
export async function subscriptionsOf(
  connection: Pick<CommonQueryMethods, 'any'>,
  endpointId: string,
): Promise<readonly SubscriptionRow[]> {
  return await connection.any(sql.type(subscriptionRow)`
    select ${columns}
    from posthorn.subscriptions as s
    where s.endpoint_id = ${endpointId}::uuid and s.ended_at is null
    order by s.endpoint_id, s.id
    limit ${mostOfEndpoint}`);
}

/** Selects subscriptions. All given conditions must hold. */
export interface SubscriptionFilter {
  readonly endpointId?: string | undefined;
  readonly tenant?: string | undefined;
  readonly eventType?: string | undefined;
  /** Those that have ended; otherwise those in force. */
  readonly hasEnded?: boolean | undefined;
}

/** A page of subscriptions, newest first. */
export interface SubscriptionPage {
  readonly subscriptions: readonly SubscriptionRow[];
  /** Where the next page begins; null after the last one. */
  readonly before: string | null;
}

/** Lists subscriptions by id, newest first: those with an id below `before`, at most `limit`. */
export async function listSubscriptions(
  connection: Pick<CommonQueryMethods, 'any' | 'one'>,
  options: {
    readonly limit: number;
    readonly before: string | undefined;
    readonly which?: SubscriptionFilter;
  },
): Promise<SubscriptionPage> {
  const { limit, before = highestId, which = {} } = options;
  const { endpointId } = which;
  const ofEndpoint =
    endpointId === undefined
      ? sql.fragment`true`
      : sql.fragment`s.endpoint_id = ${endpointId}::uuid`;
  const walked = await connection.one(
    walkStatement(
      sql.fragment`
        select s.id, ${all(matches(which))} as is_match
        from posthorn.subscriptions as s
        where s.id < ${before}::uuid and ${ofEndpoint}
        order by s.id desc`,
      { limit, walk: lookupWalk },
    ),
  );
  const page = pageOf(walked, limit);
  if (page.ids.length === 0) return { subscriptions: [], before: page.before };
  const subscriptions = await connection.any(sql.type(subscriptionRow)`
    select ${columns}
    from posthorn.subscriptions as s
    where s.id = any (${sql.array([...page.ids], 'uuid')})
    order by s.id desc`);
  return { subscriptions, before: page.before };
}

function matches({ tenant, eventType, hasEnded = false }: SubscriptionFilter): FragmentSqlToken[] {
  const conditions = [
    hasEnded ? sql.fragment`s.ended_at is not null` : sql.fragment`s.ended_at is null`,
  ];
  if (tenant !== undefined) conditions.push(sql.fragment`s.tenant = ${tenant}`);
  if (eventType !== undefined) conditions.push(sql.fragment`s.event_type = ${eventType}`);
  return conditions;
}
