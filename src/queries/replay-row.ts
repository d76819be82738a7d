import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { replayableStatuses } from './webhook-filter.ts';

export const replayStatuses = ['running', 'finished', 'cancelling', 'cancelled'] as const;

export type ReplayStatus = (typeof replayStatuses)[number];

/** With which priority replayed webhooks are sent; "own": each with its own. */
export const replayPriorities = ['high', 'normal', 'low', 'own'] as const;

export type ReplayPriority = (typeof replayPriorities)[number];

/** A replay and how far it has come. Times are RFC 3339 in UTC. */
export const replayRow = z.object({
  id: z.string(),
  status: z.enum(replayStatuses),
  filter: z.object({
    status: z.array(z.enum(replayableStatuses)),
    endpoint_id: z.string().nullable(),
    url: z.string().nullable(),
    from: z.string().nullable(),
    until: z.string().nullable(),
    ids: z.array(z.string()).nullable(),
  }),
  rate_limit_per_s: z.number().nullable(),
  priority: z.enum(replayPriorities),
  /** Counted when it was started. */
  matched: z.int(),
  is_at_least: z.boolean(),
  /** Put back into the queue. */
  replayed: z.int(),
  skipped: z.int(),
  /** How many for which reason. */
  skipped_for: z.record(z.string(), z.int()),
  /** By cancelling the replay. */
  taken_back: z.int(),
  created_at: z.string(),
  finished_at: z.string().nullable(),
});

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
  r.rate_limit_per_s,
  coalesce((array['high', 'normal', 'low'])[r.priority + 1], 'own') as priority,
  r.matched::float8 as matched,
  r.is_at_least,
  r.replayed::float8 as replayed,
  (select coalesce(sum(n.value::float8), 0) from jsonb_each_text(r.skipped) as n) as skipped,
  r.skipped as skipped_for,
  r.taken_back::float8 as taken_back,
  r.created_at,
  r.finished_at`;
