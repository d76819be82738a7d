-- What is due and could be sent now, and since when the oldest of it is.
--
-- $1 count so far, and no further
--
-- What nobody is meant to send now is left out: lanes whose breaker is open, that asked for a pause, that are held, or
-- whose order waits for a retry. Beside them the backlog of a dead endpoint would hide every other. A loose index scan as in
-- scan-lanes.sql, about 4 to 8 µs per lane, and at most $1 rows more, however many wait.
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
),
sendable as materialized (
  select h.lane, h.priority, h.due_at
  from heads as h
  left join posthorn.lane_rules as r on r.lane = h.lane
  where h.due_at <= now()
    and not coalesce(r.is_held or r.retry_at > now(), false)
    and not exists (
      select
      from posthorn.breakers as b
      where b.lane = h.lane and (b.state = 'open' or b.paused_until > now())
    )
),
waiting as (
  select
  from sendable as s
  cross join lateral (
    select
    from posthorn.queue as q
    where q.priority < 1000
      and q.lane = s.lane
      and q.priority = s.priority
      and q.due_at <= now()
      and (q.lease_until is null or q.lease_until < now())
    order by q.due_at
    limit $1::integer
  ) as due
  limit $1::integer
),
oldest as (
  select lane, priority, due_at
  from sendable
  order by due_at
  limit 1
)
select
  (select count(*)::float8 from waiting) as due,
  (select (extract(epoch from now() - due_at) * 1000)::float8 from oldest) as oldest_ms,
  (
    select split_part(coalesce(o.url, e.url), '?', 1)
    from oldest as s
    cross join lateral (
      select q.outbox_id
      from posthorn.queue as q
      where q.priority < 1000
        and q.lane = s.lane
        and q.priority = s.priority
      order by q.due_at
      limit 1
    ) as first
    left join posthorn.outbox as o on o.id = first.outbox_id
    left join posthorn.endpoints as e on e.id = o.endpoint_id
  ) as oldest_url
