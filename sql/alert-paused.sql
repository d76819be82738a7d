-- What is due and waits for a pause of its endpoint to end: one that it asked for with Retry-After, or the time until the
-- retry of the first, where the order is kept. Such a pause begins no alert and ends none: an endpoint that asks for a pause
-- again and again would else be a backlog in one evaluation and none in the next.
--
-- psql "$DATABASE_URL" -c begin -f sql/alert-paused.sql -c rollback \
--   -v max_counted=10000
--
-- max_counted: count no more than that.
--
-- Nothing is looked up as long as no alert of a backlog has been told of. A lane is looked at priority by priority, as
-- the index has it, and 2,000 lanes at most.
with paused as (
  select lane
  from posthorn.breakers
  where state = 'closed'
    and paused_until > now()
    -- A shorter one does not keep it from being due: see posthorn.take_stats().
    and coalesce(paused_until - last_failure_at > interval '1 minute', true)
    and exists (
      select from posthorn.alerts where rule in ('backlog', 'backlog_age') and resolved_at is null and fired_at is not null)
  union
  select lane
  from posthorn.lane_rules
  where retry_at > now()
    and not is_held
    and exists (
      select from posthorn.alerts where rule in ('backlog', 'backlog_age') and resolved_at is null and fired_at is not null)
),
lanes as materialized (
  select p.lane
  from paused as p
  where not exists (select from posthorn.lane_rules as r where r.lane = p.lane and r.is_held)
    and not exists (select from posthorn.breakers as b where b.lane = p.lane and b.state = 'open')
  limit 2000
),
waiting as (
  select head.due_at
  from lanes as l
  cross join (values (0), (1), (2)) as p (priority)
  cross join lateral (
    select due_at
    from posthorn.queue
    where priority < 1000
      and lane = l.lane
      and priority = p.priority
      and due_at <= now()
      and (lease_until is null or lease_until <= now())
    order by due_at
    limit 1
  ) as head
),
counted as (
  select
  from lanes as l
  cross join (values (0), (1), (2)) as p (priority)
  cross join lateral (
    select
    from posthorn.queue
    where priority < 1000
      and lane = l.lane
      and priority = p.priority
      and due_at <= now()
      and (lease_until is null or lease_until <= now())
    order by due_at
    limit :'max_counted'::bigint
  ) as each
  limit :'max_counted'::bigint
)
select
  (select count(*)::float8 from counted) as due,
  (select ((extract(epoch from now()) - extract(epoch from min(due_at))) * 1000)::float8 from waiting) as oldest_ms
