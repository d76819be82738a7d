import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { bigintText, time, uuid } from './shapes.ts';

export const endpointStatuses = ['active', 'paused', 'disabled', 'deleted'] as const;

export type EndpointStatus = (typeof endpointStatuses)[number];

/** The parts of a registered endpoint that people may see; its secret is not among them. Times are RFC 3339 in UTC. */
export const endpointRow = z.object({
  id: uuid,
  tenant: z
    .string()
    .describe('The tenant whose events it receives; empty: the application itself.'),
  url: z.string(),
  description: z.string(),
  has_secret: z.boolean(),
  public_key: z.string().nullable().describe('Of an Ed25519 secret: whpk_…'),
  former_secrets: z
    .array(z.object({ public_key: z.string().nullable(), expires_at: time }))
    .describe('Former secrets that still sign, newest first, and until when.'),
  has_headers: z.boolean(),
  status: z.enum(endpointStatuses),
  status_reason: z
    .string()
    .nullable()
    .describe('Why it is not active: by_request, failing or gone.'),
  status_since: time,
  max_in_flight: z.int().nullable(),
  rate_limit_per_s: z.number().nullable(),
  timeout_ms: z.int().nullable(),
  retry_schedule_s: z.array(z.int()).nullable(),
  ordered: z.boolean(),
  catching_up: z
    .boolean()
    .describe(
      'What it missed while it was disabled is being queued; an ordered endpoint is held meanwhile.',
    ),
  created_at: time,
  updated_at: time,
  lane: bigintText,
});

/** The columns of {@link endpointRow}, from posthorn.endpoints as e. */
export const endpointColumns: FragmentSqlToken = sql.fragment`
  e.id,
  e.tenant,
  e.url,
  e.description,
  e.secret is not null as has_secret,
  e.public_key,
  coalesce(
    (
      select json_agg(
        json_build_object(
          'public_key', former ->> 'public_key',
          'expires_at', to_char(
            posthorn.time_of(former ->> 'expires_at') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
        order by place)
      from jsonb_array_elements(
        case jsonb_typeof(e.former_secrets) when 'array' then e.former_secrets else '[]' end
      ) with ordinality as f (former, place)
      where posthorn.time_of(former ->> 'expires_at') > now()
    ),
    '[]') as former_secrets,
  coalesce(e.headers, '{}') <> '{}' as has_headers,
  e.status,
  e.status_reason,
  e.status_since,
  e.max_in_flight,
  -- JSON cannot express NaN or infinity; in Postgres NaN is greater than infinity.
  case when e.rate_limit_per_s < 'infinity' then e.rate_limit_per_s end as rate_limit_per_s,
  e.timeout_ms,
  array_remove(e.retry_schedule_s, null) as retry_schedule_s,
  e.ordered,
  e.catching_up,
  e.created_at,
  e.updated_at,
  e.lane::text as lane`;
