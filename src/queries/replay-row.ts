import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { priorities } from '../domain/priority.ts';
import { time, uuid } from './shapes.ts';
import { replayableStatuses } from './webhook-filter.ts';

export const replayStatuses = ['running', 'finished', 'cancelling', 'cancelled'] as const;

export type ReplayStatus = (typeof replayStatuses)[number];

/** The priority of replayed webhooks; "own": each keeps its own. */
export const replayPriorities = [...priorities, 'own'] as const;

export type ReplayPriority = (typeof replayPriorities)[number];

/** A replay and its progress. Times are RFC 3339 in UTC. */
export const replayRow = z
  .object({
    id: uuid,
    status: z.enum(replayStatuses),
    filter: z.object({
      status: z.array(z.enum(replayableStatuses)),
      endpoint_id: uuid.nullable(),
      url: z.string().nullable(),
      from: time.nullable(),
      until: time.nullable(),
      ids: z.array(uuid).nullable(),
      event_id: uuid.nullable(),
      event_type: z.string().nullable(),
      tenant: z.string().nullable(),
    }),
    rate_limit_per_s: z.number().nullable(),
    priority: z.enum(replayPriorities),
    matched: z.int().describe('Matching webhooks, counted at the start.'),
    is_at_least: z.boolean(),
    replayed: z.int().describe('Put back into the queue.'),
    skipped: z.int(),
    skipped_for: z.record(z.string(), z.int()).describe('Skipped webhooks by reason.'),
    taken_back: z.int().describe('Taken back when the replay was cancelled.'),
    created_at: time,
    finished_at: time.nullable(),
  })
  .meta({ id: 'Replay' });

export type ReplayRow = z.infer<typeof replayRow>;

/** The columns of {@link replayRow}, from posthorn.replays as r. No count will exceed 2^53. */
export const replayColumns: FragmentSqlToken = sql.fragment`
  r.id,
  r.status,
  json_build_object(
    'status', r.statuses,
    'endpoint_id', r.endpoint_id,
    'url', r.url,
    'from', to_char(r.from_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'until', to_char(r.until_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'ids', r.ids,
    'event_id', r.event_id,
    'event_type', r.event_type,
    'tenant', r.tenant
  ) as filter,
  -- JSON cannot express NaN or infinity; in Postgres NaN is greater than infinity.
  case when r.rate_limit_per_s < 'infinity' then r.rate_limit_per_s end as rate_limit_per_s,
  coalesce((${sql.array([...priorities], 'text')})[r.priority + 1], 'own') as priority,
  r.matched::float8 as matched,
  r.is_at_least,
  r.replayed::float8 as replayed,
  (
    select coalesce(sum(n.value::float8), 0)
    from jsonb_each_text(case jsonb_typeof(r.skipped) when 'object' then r.skipped else '{}' end) as n
  ) as skipped,
  case jsonb_typeof(r.skipped) when 'object' then r.skipped else '{}' end as skipped_for,
  r.taken_back::float8 as taken_back,
  r.created_at,
  r.finished_at`;
