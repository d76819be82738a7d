-- What waits, endpoint by endpoint: the 20 with the most webhooks due now.
--
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
    count(*) filter (where not is_leased) as waiting,
    count(*) filter (where not is_leased and due_at <= now()) as due_now,
    min(due_at) filter (where not is_leased and due_at <= now()) as oldest_due_at,
    min(due_at) filter (where not is_leased and due_at > now()) as next_due_at,
    count(*) filter (where is_leased) as leased,
    min(outbox_id::text)::uuid as outbox_id
  from (select lane, due_at, outbox_id, coalesce(lease_until > now(), false) as is_leased from posthorn.queue) as q
  group by lane
  order by due_now desc, waiting desc
  limit :rows
)
select
  split_part(coalesce(o.url, p.url), '?', 1) as url,
  l.waiting,
  l.due_now,
  date_trunc('second', now() - l.oldest_due_at) as oldest_due_for,
  date_trunc('second', l.next_due_at) as next_due_at,
  l.leased,
  case
    when p.status in ('paused', 'disabled') then format('endpoint %s since %s', p.status, date_trunc('second', p.status_since))
    when b.state = 'open' then format('open until %s', date_trunc('second', b.open_until))
    when b.paused_until > now() then format('paused until %s', date_trunc('second', b.paused_until))
  end as held
from lanes as l
left join posthorn.breakers as b on b.lane = l.lane
left join lateral (select url, endpoint_id from posthorn.redacted_outbox where id = l.outbox_id offset 0) as o on true
left join posthorn.redacted_endpoints as p on p.id = o.endpoint_id
order by l.due_now desc, l.waiting desc;
