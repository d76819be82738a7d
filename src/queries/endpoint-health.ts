import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { endpointColumns, endpointRow } from './endpoint-row.ts';
import { time } from './shapes.ts';

const breaker = z.object({
  state: z.enum(['closed', 'open']),
  of_origin: z
    .boolean()
    .describe('It is that of all endpoints with this scheme, host and port: none of them answers.'),
  consecutive_failures: z.int(),
  trips: z.int(),
  failing_since: time.nullable(),
  last_failure_at: time.nullable(),
  last_error: z.string().nullable(),
  next_probe_at: time.nullable(),
  throttled_until: time.nullable(),
});

const backlog = z.object({
  waiting: z.int(),
  delivering: z.int(),
  is_at_least: z.boolean(),
  oldest_due_at: time.nullable(),
});

/** An endpoint with its health and its backlog. */
export const endpointWithHealth = endpointRow
  .extend({
    breaker: breaker.describe('For a healthy endpoint: closed, zeros and nulls.'),
    // The bound keeps the cost at milliseconds when a million wait.
    backlog: backlog.describe('Webhooks that have not ended. Counting stops at a bound.'),
  })
  .meta({ id: 'EndpointWithHealth' });

export type EndpointWithHealth = z.infer<typeof endpointWithHealth>;

const flat = endpointRow.extend({ ...breaker.shape, ...backlog.shape });

/**
 * Endpoints with their health, in one statement, newest first.
 *
 * The endpoints are chosen before their backlogs are counted: otherwise a plan with a sort would count for all
 * endpoints, not for one page.
 *
 * @param options.where of posthorn.endpoints as e
 * @param options.maxCounted of the backlog of each
 */
export function endpointsWithHealth(options: {
  readonly where: FragmentSqlToken;
  readonly limit: number;
  readonly maxCounted: number;
}) {
  const { where, limit, maxCounted } = options;
  return sql.type(flat)`
    select ${endpointColumns}, ${breakerColumns}, backlog.*
    from (
      select *
      from posthorn.endpoints as e
      where ${where}
      order by e.id desc
      limit ${limit}
    ) as e
    left join lateral (
      select *
      from posthorn.breakers
      where key in (e.lane, e.origin) and (key = e.lane or state = 'open')
      order by key = e.lane
      limit 1
    ) as b on true
    cross join lateral (${backlogOf(maxCounted)}) as backlog
    order by e.id desc`;
}

/** Turns a row of {@link endpointsWithHealth} into the form that is shown. */
export function withHealth(row: z.infer<typeof flat>): EndpointWithHealth {
  return { ...endpointRow.parse(row), breaker: breaker.parse(row), backlog: backlog.parse(row) };
}

/** A healthy lane has no row. */
const breakerColumns = sql.fragment`
  coalesce(b.state, 'closed') as state,
  coalesce(b.key = b.origin, false) as of_origin,
  coalesce(b.consecutive, 0) as consecutive_failures,
  coalesce(b.trips, 0) as trips,
  case when b.consecutive > 0 then b.failing_since end as failing_since,
  b.last_failure_at,
  b.last_error,
  (select max(l.until) from posthorn.lane_blocks as l where l.key in (e.lane, e.origin) and l.reason in ('breaker', 'origin_breaker')) as next_probe_at,
  (select l.until from posthorn.lane_blocks as l where l.key = e.lane and l.reason = 'throttled') as throttled_until`;

/**
 * Reads along the index queue_for_claim, as the claim does. The ORDER BY keeps the plan on it: without one, and with
 * statistics of an empty queue, Postgres built a bitmap of all 600,000 entries of a lane before it counted the first.
 */
function backlogOf(maxCounted: number): FragmentSqlToken {
  return sql.fragment`
    select
      count(*) filter (where lease_until is null or lease_until <= now())::integer as waiting,
      count(*) filter (where lease_until > now())::integer as delivering,
      count(*) > ${maxCounted} as is_at_least,
      (
        select min(first.due_at)
        from unnest(array[0, 1, 2]::smallint[]) as p (priority)
        cross join lateral (
          select q.due_at
          from posthorn.queue as q
          where q.priority < 1000
            and q.lane = e.lane
            and q.priority = p.priority
          order by q.due_at
          limit 1
        ) as first
      ) as oldest_due_at
    from (
      select q.lease_until
      from posthorn.queue as q
      where q.priority < 1000 and q.lane = e.lane
      order by q.lane, q.priority, q.due_at
      limit ${maxCounted + 1}
    ) as unfinished`;
}
