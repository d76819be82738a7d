-- What failed in the last 24 hours, and why: a row per reason, the most frequent first.
--
-- posthorn report failures --since '7 days'
-- psql "$DATABASE_URL" -f sql/history/failures.sql -v since='7 days'
--
-- By when it failed, whenever it was enqueued: outcomes_for_failures_by_end holds the failures alone, in that order.
\if :{?since}
\else
  \set since '24 hours'
\endif

-- Without it Postgres compiles what it takes for expensive, for longer than the whole report takes.
\set was_quiet :QUIET
\set QUIET on
begin read only;
set local jit = off;

with failures as materialized (
  select webhook_id, outbox_id, lane, reason, attempts, finished_at
  from posthorn.outcomes
  where status = 'failed'
    and finished_at >= now() - :'since'::interval
),
reasons as (
  select
    coalesce(reason, 'unknown') as reason,
    count(*) as webhooks,
    count(distinct lane) as endpoints,
    max(finished_at) as last_at,
    (array_agg(webhook_id order by finished_at desc))[1] as last_id,
    (array_agg(outbox_id order by finished_at desc))[1] as last_outbox_id,
    (array_agg(lane order by finished_at desc))[1] as last_lane,
    (array_agg(attempts order by finished_at desc))[1] as last_number
  from failures
  group by 1
)
select
  r.reason,
  r.webhooks,
  r.endpoints,
  date_trunc('second', r.last_at) as last_at,
  r.last_id,
  split_part(coalesce(o.url, p.url), '?', 1) as last_url,
  -- Wide enough for what to do about it: that names a setting at the end of a long address.
  case
    when length(a.error_message) > 240 then left(a.error_message, 237) || '...'
    else a.error_message
  end as last_message
from reasons as r
-- By themselves, and not joined with the whole history.
left join lateral (select url from posthorn.redacted_outbox where id = r.last_outbox_id offset 0) as o on true
left join posthorn.redacted_endpoints as p on p.lane = r.last_lane and o.url is null
left join lateral (
  select error_message
  from posthorn.redacted_attempts
  where webhook_id = r.last_id
    and number = r.last_number
  offset 0
) as a on true
order by r.webhooks desc, r.reason;

commit;
\set QUIET :was_quiet
