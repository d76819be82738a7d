import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { priorities } from '../domain/priority.ts';
import { time, uuid } from './shapes.ts';
import { replayableStatuses } from './webhook-filter.ts';

export const replayStatuses = ['running', 'finished', 'cancelling', 'cancelled'] as const;

export type ReplayStatus = (typeof replayStatuses)[number];

/** With which priority replayed webhooks are sent; "own": each with its own. */
export const replayPriorities = [...priorities, 'own'] as const;

export type ReplayPriority = (typeof replayPriorities)[number];

/** A replay and how far it has come. Times are RFC 3339 in UTC. */
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
    }),
    rate_limit_per_s: z.number().nullable(),
    priority: z.enum(replayPriorities),
    matched: z.int().describe('Counted when it was started.'),
    is_at_least: z.boolean(),
    replayed: z.int().describe('Put back into the queue.'),
    skipped: z.int(),
    skipped_for: z.record(z.string(), z.int()).describe('How many for which reason.'),
    taken_back: z.int().describe('By cancelling the replay.'),
    created_at: time,
    finished_at: time.nullable(),
  })
  .meta({ id: 'Replay' });

export type ReplayRow = z.infer<typeof replayRow>;

/** The columns of {@link replayRow}, of posthorn.replays as r. Numbers beyond 2^53 are none of this world. */
export const replayColumns: FragmentSqlToken = sql.fragment`
  r.id,
  r.status,
  json_build_object(
    'status', r.statuses,
    'endpoint_id', r.endpoint_id,
    'url', r.url,
    'from', to_char(r.from_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'until', to_char(r.until_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'ids', r.ids
  ) as filter,
  -- JSON has no word for what is no number; NaN is more than infinity.
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
