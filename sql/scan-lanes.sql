-- The next lanes that have work, found by a loose index scan: one index descent per (lane, priority), about 8 us each. This is the
-- backstop of discovery: all lanes are scanned page by page at start, every 5 s or less often, and after a rescue. It finds what a
-- producer committed long after its insert, webhooks that were given back, and lanes that are no longer throttled. It leaves out
-- lanes whose breaker is open and lanes that are held. Of an origin whose breaker is open and whose probe is due, a page names three lanes at random: a probe can be
-- sent to one of them, and one that never answers cannot speak for the others for ever.
--
-- psql "$DATABASE_URL" -c begin -f sql/scan-lanes.sql -c rollback \
--   -v worker_number=1 -v after_lane=-9223372036854775808 -v after_priority=-1 -v max_heads=500
--
-- after_lane, after_priority: where the page before this one ended. max_heads: how many (lane, priority) the page has at most, one
-- webhook each. In one statement, 20,000 lanes took 290 ms, and reading its answer kept the worker from all else for 100 ms.
--
-- Returns the lanes, and if the page is full one row without "access", where it ended.
-- "access" and "tenant_access" mean the same as in claim.sql.
with recursive heads as (
  (
    select lane, priority, due_at, origin, tenant_key, 1 as place
    from posthorn.queue
    where priority < 1000
      and (lane, priority) > (:'after_lane'::bigint, :'after_priority'::smallint)
    order by lane, priority, due_at
    limit 1
  )
  union all
  select next.lane, next.priority, next.due_at, next.origin, next.tenant_key, heads.place + 1
  from heads
  cross join lateral (
    select lane, priority, due_at, origin, tenant_key
    from posthorn.queue
    where priority < 1000
      and (lane, priority) > (heads.lane, heads.priority)
    order by lane, priority, due_at
    limit 1
  ) as next
  where heads.place < :'max_heads'::integer
),
seen as materialized (
  select
    h.lane,
    h.priority,
    (extract(epoch from h.due_at) * 1000)::float8 as due_ms,
    coalesce(h.origin, e.origin) as origin,
    case when h.origin is null then e.tenant_key else h.tenant_key end as tenant_key,
    case
      when away.is_ripe then 'probe'
      when r.lane is null then 'anyone'
      when r.owner = :'worker_number'::integer then 'mine'
      when r.owner is null then 'unowned'
      else 'theirs'
    end as access,
    case
      when t.lane is null then 'anyone'
      when t.owner = :'worker_number'::integer then 'mine'
      when t.owner is null then 'unowned'
      else 'theirs'
    end as tenant_access
  from heads as h
  left join posthorn.lane_rules as r on r.lane = h.lane
  left join lateral (
    select e.origin, e.tenant_key
    from posthorn.endpoints as e
    where h.origin is null and e.lane = h.lane
    limit 1
  ) as e on true
  left join posthorn.lane_rules as t
    on t.lane = case when h.origin is null then e.tenant_key else h.tenant_key end
  left join lateral (
    select coalesce((b.state = 'open' and b.open_until > now()) or b.throttled_until > now(), false) as has_to_wait
    from posthorn.breakers as b
    where b.key = h.lane and (b.state = 'open' or b.throttled_until > now())
    -- Keeps it a lookup by primary key per lane.
    limit 1
  ) as own on true
  left join lateral (
    -- Null: it is not open.
    select case
        when b.state = 'open'
        then coalesce(b.open_until <= now() and (b.probe_until is null or b.probe_until < now()), false)
      end as is_ripe
    from posthorn.breakers as b
    where b.key = coalesce(h.origin, e.origin)
    limit 1
  ) as away on true
  where h.due_at <= now()
    and not coalesce(r.is_held or r.retry_at > now(), false)
    and case when away.is_ripe is null then own.has_to_wait is null else away.is_ripe and not coalesce(own.has_to_wait, false) end
)
select lane, priority, due_ms, origin, tenant_key, access, tenant_access
from seen
where access <> 'probe'
union all
select lane, priority, due_ms, origin, tenant_key, access, tenant_access
from (
  select *, row_number() over (partition by origin order by random()) as place
  from seen
  where access = 'probe'
) as probes
where place <= 3
union all
select lane, priority, null, null, null, null, null
from heads
where place = :'max_heads'::integer
