-- Gives back webhooks that were claimed and not sent: the attempt never happened.
--
-- $1 webhook ids  $2 attempt numbers  $3 worker number
with unsent as materialized (
  select * from unnest($1::uuid[], $2::smallint[]) as r (webhook_id, number)
),
returned as (
  update posthorn.queue as q
  set attempts = q.attempts - 1, lease_until = null, leased_by = null
  from unsent as r
  where q.webhook_id = r.webhook_id
    and q.attempts = r.number
    and q.leased_by = $3::integer
  returning q.webhook_id, r.number
)
delete from posthorn.attempts as a
using returned as r
where a.webhook_id = r.webhook_id
  and a.number = r.number
