-- Which registered endpoints are not simply well: held, failing, catching up, or limited and behind; the longest first.
--
-- posthorn report endpoints --rows 100
-- psql "$DATABASE_URL" -f sql/history/endpoints.sql -v rows=100
--
-- Reads endpoints, their rules and breakers, and of each one's queue at most 10,000 entries.
\if :{?rows}
\else
  \set rows 20
\endif

with unwell as (
  select
    e.id,
    e.lane,
    e.origin,
    e.url,
    e.tenant,
    e.status,
    e.status_reason,
    b.state,
    b.consecutive,
    b.last_error,
    r.owner,
    e.catching_up,
    r.lane is not null and e.status = 'active' and not e.catching_up as is_limited,
    case when e.status = 'active' and not e.catching_up then b.failing_since else e.status_since end as since
  from posthorn.redacted_endpoints as e
  -- Its own, or that of its origin while that is open.
  left join lateral (
    select *
    from posthorn.breakers
    where key in (e.lane, e.origin) and (key = e.lane or state = 'open')
    order by key = e.lane
    limit 1
  ) as b on true
  left join posthorn.lane_rules as r on r.lane = e.lane
  where e.status <> 'deleted'
    and (e.status <> 'active' or b.key is not null or r.lane is not null or e.catching_up)
)
select
  u.id,
  split_part(u.url, '?', 1) as url,
  u.tenant,
  case
    when u.status <> 'active' then concat_ws(', ', u.status::text, u.status_reason)
    when k.reason is not null then k.reason
    when u.consecutive > 0 then 'failing'
    when u.catching_up then 'catching_up'
    else 'limited'
  end as state,
  date_trunc('second', u.since) as since,
  u.consecutive as failures,
  u.last_error,
  date_trunc('second', k.until) as next_attempt_at,
  case when backlog.waiting > 10000 then 'more than 10000' else backlog.waiting::text end as waiting,
  u.owner as worker
from unwell as u
cross join lateral (
  select count(*) as waiting
  from (select from posthorn.queue as q where q.priority < 1000 and q.lane = u.lane limit 10001) as entries
) as backlog
left join lateral (
  select reason, until
  from posthorn.lane_blocks
  where key in (u.lane, u.origin)
  order by until desc nulls first
  limit 1
) as k on true
where not u.is_limited or backlog.waiting > 0 or u.state is not null
order by u.since nulls last, u.id
limit :rows;
