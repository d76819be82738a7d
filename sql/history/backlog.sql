-- What waits, endpoint by endpoint: the 20 with the most webhooks due now.
--
-- posthorn report backlog --rows 100
-- psql "$DATABASE_URL" -f sql/history/backlog.sql -v rows=100
--
-- Reads the queue alone, which holds nothing but unfinished webhooks, and then one URL per row shown.
\if :{?rows}
\else
  \set rows 20
\endif

with lanes as (
  select
    lane,
    min(origin) as origin,
    count(*) filter (where not is_leased) as waiting,
    count(*) filter (where not is_leased and due_at <= now()) as due_now,
    min(due_at) filter (where not is_leased and due_at <= now()) as oldest_due_at,
    min(due_at) filter (where not is_leased and due_at > now()) as next_due_at,
    count(*) filter (where is_leased) as leased,
    min(outbox_id::text)::uuid as outbox_id
  from (select lane, origin, due_at, outbox_id, coalesce(lease_until > now(), false) as is_leased from posthorn.queue) as q
  group by lane
  order by due_now desc, waiting desc
  limit :rows
)
select
  split_part(coalesce(o.url, p.url), '?', 1) as url,
  coalesce(p.tenant, o.tenant) as tenant,
  l.waiting,
  l.due_now,
  date_trunc('second', now() - l.oldest_due_at) as oldest_due_for,
  date_trunc('second', l.next_due_at) as next_due_at,
  l.leased,
  case
    when k.is_held then format('%s since %s', k.reason, date_trunc('second', p.status_since))
    when k.reason is not null then format('%s until %s', k.reason, date_trunc('second', k.until))
  end as waits_for
from lanes as l
left join lateral (select url, tenant from posthorn.redacted_outbox where id = l.outbox_id offset 0) as o on true
left join posthorn.redacted_endpoints as p on p.lane = l.lane and o.url is null
left join lateral (
  select reason, until, is_held
  from posthorn.lane_blocks
  where key in (l.lane, coalesce(l.origin, p.origin))
  order by until desc nulls first
  limit 1
) as k on true
order by l.due_now desc, l.waiting desc;
