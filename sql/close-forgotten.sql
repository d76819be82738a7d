-- Closes attempts that have been open for longer than any request can take and that no worker is about to record. It walks over
-- all attempts, a bounded number at a time. There is no index on open attempts, because each result would have to write to it.
--
-- psql "$DATABASE_URL" -c begin -f sql/close-forgotten.sql -c rollback \
--   -v from_id=0199c0de-0000-7000-8000-000000000001 -v max_attempts=1000 -v forgotten_after_s=3600
--
-- from_id: the webhook id at which this part of the walk begins. forgotten_after_s: after this time no worker can still be sending.
--
-- Returns how many were closed, and the webhook id at which to go on; null at the end. If a frozen worker records such an attempt
-- after all, its result replaces this one.
with page as materialized (
  select webhook_id, number, started_at, finished_at
  from posthorn.attempts
  where webhook_id >= :'from_id'::uuid
  order by webhook_id
  limit :'max_attempts'::integer
),
forgotten as materialized (
  select p.webhook_id, p.number
  from page as p
  where p.finished_at is null
    and p.started_at < now() - :'forgotten_after_s'::float8 * interval '1 second'
    and not exists (
      select
      from posthorn.queue as q
      where q.webhook_id = p.webhook_id and q.attempts = p.number and q.lease_until > now()
    )
),
closed as (
  update posthorn.attempts as a
  set finished_at = clock_timestamp(), error = 'abandoned', error_message = 'Nobody recorded how the attempt ended'
  from forgotten as f
  where a.webhook_id = any (array(select webhook_id from forgotten))
    and a.webhook_id = f.webhook_id
    and a.number = f.number
    and a.finished_at is null
  returning 1
)
select
  (select count(*)::integer from closed) as closed,
  case when (select count(*) from page) = :'max_attempts'::integer then (select webhook_id from page order by webhook_id desc limit 1) end
    as walked_to
