-- What was tried lately, and how much of it failed: over all, and at the registered endpoints that are worth a look.
--
-- psql "$DATABASE_URL" -c begin -f sql/alert-failures.sql -c rollback \
--   -v window_s=600 -v min_attempts=20 -v max_new=100
--
-- min_attempts: of an endpoint. max_new: most endpoints that have no alert yet.
--
-- The row without an endpoint is of all attempts. An endpoint that has an alert is always there as long as it is active: with
-- zeros when it was not tried, and then it is said whether something waits for it.
-- Reads the tallies of the period that are of all attempts or of endpoints that have failed lately: per worker at most 201
-- rows in 15 s, however many webhooks and endpoints there are.
with counted as (
  select endpoint_id, sum(attempts)::float8 as attempts, sum(failures)::float8 as failures
  from posthorn.tallies
  where (endpoint_id is null or is_watched)
    and counted_at > now() - :'window_s'::float8 * interval '1 second'
    and counted_at < 'infinity'
  group by endpoint_id
),
known as (
  select subject::uuid as endpoint_id
  from posthorn.alerts
  where rule = 'endpoint_failure_rate'
    and resolved_at is null
),
joined as (
  select
    coalesce(c.endpoint_id, k.endpoint_id) as endpoint_id,
    coalesce(c.attempts, 0) as attempts,
    coalesce(c.failures, 0) as failures,
    k.endpoint_id is not null as is_known
  from (select * from counted where endpoint_id is not null) as c
  full join known as k on k.endpoint_id = c.endpoint_id
),
placed as (
  select
    j.*,
    row_number() over (partition by j.is_known order by j.failures / greatest(j.attempts, 1) desc) as place
  from joined as j
  where j.is_known or j.attempts >= :'min_attempts'::float8
)
select null::uuid as id, null as url, attempts, failures, null::boolean as is_waiting
from counted
where endpoint_id is null
union all
select
  p.endpoint_id,
  split_part(e.url, '?', 1),
  p.attempts,
  p.failures,
  p.attempts = 0
    and exists (
      select
      from posthorn.queue as q
      where q.priority < 1000
        and q.lane = e.lane
        and (q.attempts > 0 or q.due_at <= now()))
from placed as p
join posthorn.endpoints as e on e.id = p.endpoint_id
where case when p.is_known then e.status = 'active' else p.place <= :'max_new'::integer end
