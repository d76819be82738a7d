-- What is due and waits until its lane may be sent to again by itself: the receiver throttled it with Retry-After, or its endpoint
-- is ordered and the first webhook waits for its retry. This begins no alert and ends none: a receiver that throttles again and
-- again would else be a backlog in one evaluation and none in the next.
--
-- psql "$DATABASE_URL" -c begin -f sql/alert-throttled.sql -c rollback \
--   -v max_counted=10000
--
-- max_counted: count no more than that.
--
-- Nothing is looked up as long as no alert of a backlog has been told of. A lane is looked at priority by priority, as
-- the index has it, and 2,000 lanes at most.
with lanes as materialized (
  select key as lane
  from posthorn.lane_blocks
  where exists (
    select from posthorn.alerts where rule in ('backlog', 'backlog_age') and resolved_at is null and fired_at is not null)
  group by key
  having bool_and(reason in ('throttled', 'retry_of_the_first')) and not bool_and(is_brief)
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
