-- Endpoints and origins that have been failing for long, have their breaker open and have something waiting.
--
-- psql "$DATABASE_URL" -c begin -f sql/alert-breakers.sql -c rollback \
--   -v failing_s=900 -v max_new=100
--
-- failing_s: seconds since the first of the failures. max_new: most of them that have no alert yet.
--
-- An endpoint that is held is left out: nobody wants to send to it. Reads the breakers, a row per endpoint or origin that fails.
-- What waits for an origin is not known without reading the queue. A probe that failed lately shows that something does: they come
-- every 15 minutes or more often.
with open_long as (
  select
    b.key,
    b.key = b.origin as is_origin,
    b.url,
    (extract(epoch from now() - greatest(b.failing_since, 'epoch')) * 1000)::float8 as failing_ms,
    b.consecutive as failures,
    b.last_error,
    exists (
      select
      from posthorn.alerts as a
      where a.rule = 'breaker_open' and a.subject = b.key::text and a.resolved_at is null
    ) as is_known
  from posthorn.breakers as b
  where b.state = 'open'
    and b.failing_since <= now() - :'failing_s'::float8 * interval '1 second'
    and not exists (select from posthorn.lane_blocks as l where l.key = b.key and l.is_held)
    and case
      when b.key = b.origin then b.last_failure_at > now() - interval '1 hour'
      else exists (select from posthorn.queue as q where q.priority < 1000 and q.lane = b.key)
    end
),
placed as (
  select *, row_number() over (partition by is_known order by failing_ms desc) as place
  from open_long
)
select key::text, is_origin, url, failing_ms, failures, last_error
from placed
where is_known or place <= :'max_new'::integer
