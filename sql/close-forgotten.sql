-- Closes attempts that have been open for longer than any request can take, and that nobody is about to record: the next ones of a
-- walk over all attempts, a bounded number at a time. No index finds them, as one on what is open would have to be written with
-- each result.
--
-- $1 webhook id to go on from  $2 most attempts to look at  $3 seconds after which nobody can still be sending
--
-- Returns how many were closed, and the webhook id to go on from; null at the end. One that is about to be recorded all the same,
-- by a worker that was frozen, takes the place of this.
with page as materialized (
  select webhook_id, number, started_at, finished_at
  from posthorn.attempts
  where webhook_id >= $1::uuid
  order by webhook_id
  limit $2::integer
),
forgotten as materialized (
  select p.webhook_id, p.number
  from page as p
  where p.finished_at is null
    and p.started_at < now() - $3::float8 * interval '1 second'
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
  case when (select count(*) from page) = $2::integer then (select webhook_id from page order by webhook_id desc limit 1) end
    as walked_to
