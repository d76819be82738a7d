import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { endpointColumns, endpointRow } from './endpoint-row.ts';
import { time } from './shapes.ts';

const health = z.object({
  state: z.enum(['closed', 'open']),
  consecutive_failures: z.int(),
  trips: z.int(),
  failing_since: time.nullable(),
  last_failure_at: time.nullable(),
  last_error: z.string().nullable(),
  next_probe_at: time.nullable(),
  paused_until: time.nullable(),
});

const backlog = z.object({
  waiting: z.int(),
  delivering: z.int(),
  is_at_least: z.boolean(),
  oldest_due_at: time.nullable(),
});

/** An endpoint, how it is doing, and what waits for it. */
export const foundEndpoint = endpointRow
  .extend({
    breaker: health.describe('Of a healthy endpoint: closed, zeros and nulls.'),
    // So that a million of them cost milliseconds.
    backlog: backlog.describe('Webhooks that have not ended. Counting stops at 10,000.'),
  })
  .meta({ id: 'EndpointWithHealth' });

export type FoundEndpoint = z.infer<typeof foundEndpoint>;

const mostCounted = 10_000;

/** Finds an endpoint by its id, a deleted one too; undefined when there is none. */
export async function findEndpoint(
  connection: Pick<CommonQueryMethods, 'maybeOne' | 'one'>,
  id: string,
): Promise<FoundEndpoint | undefined> {
  const endpoint = await connection.maybeOne(sql.type(endpointRow)`
    select ${endpointColumns}
    from posthorn.endpoints as e
    where e.id = ${id}::uuid`);
  if (endpoint === null) return undefined;
  const { lane } = endpoint;
  return {
    ...endpoint,
    breaker: (await connection.maybeOne(breakerOf(lane))) ?? healthy,
    backlog: await connection.one(backlogOf(lane)),
  };
}

const healthy: z.infer<typeof health> = {
  state: 'closed',
  consecutive_failures: 0,
  trips: 0,
  failing_since: null,
  last_failure_at: null,
  last_error: null,
  next_probe_at: null,
  paused_until: null,
};

function breakerOf(lane: string) {
  return sql.type(health)`
    select
      state,
      consecutive as consecutive_failures,
      trips,
      case when consecutive > 0 then failing_since end as failing_since,
      last_failure_at,
      last_error,
      case when state = 'open' then open_until end as next_probe_at,
      case when paused_until > now() then paused_until end as paused_until
    from posthorn.breakers
    where lane = ${lane}::bigint`;
}

/**
 * Along queue_for_claim, as the claim itself. The order is what keeps it there: without one, and with statistics of an
 * empty queue, Postgres made a bitmap of all 600,000 entries of a lane before it counted the first.
 */
function backlogOf(lane: string) {
  return sql.type(backlog)`
    select
      count(*) filter (where lease_until is null or lease_until <= now())::integer as waiting,
      count(*) filter (where lease_until > now())::integer as delivering,
      count(*) > ${mostCounted} as is_at_least,
      (
        select min(first.due_at)
        from unnest(array[0, 1, 2]::smallint[]) as p (priority)
        cross join lateral (
          select q.due_at
          from posthorn.queue as q
          where q.priority < 1000
            and q.lane = ${lane}::bigint
            and q.priority = p.priority
          order by q.due_at
          limit 1
        ) as first
      ) as oldest_due_at
    from (
      select q.lease_until
      from posthorn.queue as q
      where q.priority < 1000 and q.lane = ${lane}::bigint
      order by q.lane, q.priority, q.due_at
      limit ${mostCounted + 1}
    ) as unfinished`;
}
