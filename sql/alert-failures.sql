-- What was tried lately, and how much of it failed: over all, and at the registered endpoints that are worth a look.
--
-- $1 seconds  $2 least attempts of an endpoint  $3 most endpoints that have no alert yet
--
-- The row without an endpoint is of all attempts. An endpoint that has an alert is always there, as long as it was tried.
-- Reads the tallies of the period: per worker at most 201 rows in 15 s, however many webhooks there are.
with counted as (
  select endpoint_id, sum(attempts)::float8 as attempts, sum(failures)::float8 as failures
  from posthorn.tallies
  where counted_at > now() - $1::float8 * interval '1 second'
    and counted_at < 'infinity'
  group by endpoint_id
),
known as (
  select
    c.*,
    exists (
      select
      from posthorn.alerts as a
      where a.rule = 'endpoint_failure_rate'
        and a.subject = c.endpoint_id::text
        and a.resolved_at is null
    ) as is_known
  from counted as c
),
placed as (
  select
    k.*,
    row_number() over (partition by k.is_known order by k.failures / greatest(k.attempts, 1) desc) as place
  from known as k
  where k.endpoint_id is not null
    and (k.is_known or k.attempts >= $2::float8)
)
select null::uuid as id, null as url, attempts, failures
from counted
where endpoint_id is null
union all
select p.endpoint_id, split_part(e.url, '?', 1), p.attempts, p.failures
from placed as p
join posthorn.endpoints as e on e.id = p.endpoint_id
where p.is_known or p.place <= $3::integer
