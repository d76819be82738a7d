-- Which webhooks failed last, and why: the last 20, the latest first.
--
-- posthorn report failed --rows 100
-- psql "$DATABASE_URL" -f sql/history/failed.sql -v rows=100
--
-- Reads so many entries of outcomes_for_failures_by_end, however rarely webhooks fail. In posthorn.webhooks one would have to
-- look at every webhook down to the last one that failed.
\if :{?rows}
\else
  \set rows 20
\endif

with failures as materialized (
  select webhook_id, outbox_id, lane, reason, attempts, finished_at
  from posthorn.outcomes
  where status = 'failed'
  order by finished_at desc
  limit :rows
)
select
  date_trunc('second', f.finished_at) as failed_at,
  f.webhook_id as id,
  split_part(coalesce(o.url, p.url), '?', 1) as url,
  coalesce(p.tenant, o.tenant) as tenant,
  o.event_type,
  f.attempts,
  f.reason,
  -- Wide enough for what to do about it: that names a setting at the end of a long address.
  case
    when length(a.error_message) > 240 then left(a.error_message, 237) || '...'
    else a.error_message
  end as last_message
from failures as f
left join lateral (select url, tenant, event_type from posthorn.redacted_outbox where id = f.outbox_id offset 0) as o on true
left join posthorn.redacted_endpoints as p on p.lane = f.lane and o.url is null
left join lateral (
  select error_message
  from posthorn.redacted_attempts
  where webhook_id = f.webhook_id
    and number = f.attempts
  offset 0
) as a on true
order by f.finished_at desc;
