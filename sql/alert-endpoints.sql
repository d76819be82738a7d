-- Registered endpoints that are on the way to being disabled, and those that were disabled by themselves.
--
-- psql "$DATABASE_URL" -c begin -f sql/alert-endpoints.sql -c rollback \
--   -v failing_s=3600 -v min_failures=5 -v max_new=100
--
-- failing_s: seconds without a success. min_failures: failures in a row. max_new: most of either kind that have no alert yet.
with failing as (
  select
    e.id,
    e.url,
    (extract(epoch from now() - greatest(b.failing_since, 'epoch')) * 1000)::float8 as failing_ms,
    b.last_error,
    row_number() over (partition by a.id is not null order by b.failing_since) as place,
    a.id is not null as is_known
  from (
    select b.failing_since, b.consecutive, b.last_error, e.id
    from posthorn.breakers as b
    join posthorn.endpoints as e on e.lane = b.key
    union all
    -- Nothing at its origin answers, and something waits for it.
    select b.failing_since, b.consecutive, b.last_error, e.id
    from posthorn.breakers as b
    join posthorn.endpoints as e on e.origin = b.key
    where b.state = 'open'
      and exists (select from posthorn.queue as q where q.priority < 1000 and q.lane = e.lane)
      and not exists (select from posthorn.breakers as own where own.key = e.lane and own.failing_since <= b.failing_since)
  ) as b
  join posthorn.endpoints as e on e.id = b.id
  left join posthorn.alerts as a
    on a.rule = 'endpoint_failing' and a.subject = e.id::text and a.resolved_at is null
  where b.failing_since <= now() - :'failing_s'::float8 * interval '1 second'
    and b.consecutive >= :'min_failures'::integer
    and e.status = 'active'
),
disabled as (
  select
    e.id,
    e.url,
    e.status_reason,
    row_number() over (partition by a.id is not null order by e.status_since) as place,
    a.id is not null as is_known
  from posthorn.endpoints as e
  left join posthorn.alerts as a
    on a.rule = 'endpoint_failing' and a.subject = e.id::text and a.resolved_at is null
  where e.status = 'disabled'
    and e.status_reason in ('failing', 'gone')
)
select id, split_part(url, '?', 1) as url, failing_ms, last_error, null as disabled_as
from failing
where is_known or place <= :'max_new'::integer
union all
select id, split_part(url, '?', 1), null, null, status_reason
from disabled
where is_known or place <= :'max_new'::integer
