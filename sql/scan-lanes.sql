-- Every lane that has work, by a loose index scan: one index descent per (lane, priority), about 8 us each.
-- The backstop of discovery: run at start, every 5 s or more, and after a rescue. Finds what a producer committed long
-- after its insert, leases given back, and lanes whose pause is over. Lanes that a breaker keeps, or that are held, are
-- left out.
--
-- $1 worker number
--
-- "access" is that of claim.sql.
with recursive heads as (
  (
    select lane, priority, due_at
    from posthorn.queue
    where priority < 1000
    order by lane, priority, due_at
    limit 1
  )
  union all
  select next.lane, next.priority, next.due_at
  from heads
  cross join lateral (
    select lane, priority, due_at
    from posthorn.queue
    where priority < 1000
      and (lane, priority) > (heads.lane, heads.priority)
    order by lane, priority, due_at
    limit 1
  ) as next
)
select
  h.lane,
  h.priority,
  (extract(epoch from h.due_at) * 1000)::float8 as due_ms,
  case
    when r.lane is null then 'anyone'
    when r.owner = $1::integer then 'mine'
    when r.owner is null then 'unowned'
    else 'theirs'
  end as access
from heads as h
left join posthorn.lane_rules as r on r.lane = h.lane
where h.due_at <= now()
  and not coalesce(r.is_held or r.retry_at > now(), false)
  and not exists (
    select
    from posthorn.breakers as b
    where b.lane = h.lane and (b.state = 'open' or b.throttled_until > now())
  )
