-- Gives back webhooks that were claimed and not sent: the attempt never happened.
--
-- $1 webhook ids  $2 attempt numbers  $3 worker number
--
-- What belongs to a row is fetched by its place in $1, as in record.sql.
with returned as (
  update posthorn.queue as q
  set attempts = q.attempts - 1, lease_until = null, leased_by = null
  where q.webhook_id = any ($1::uuid[])
    and q.attempts = ($2::smallint[])[array_position($1::uuid[], q.webhook_id)]
    and q.leased_by = $3::integer
  returning q.webhook_id
)
delete from posthorn.attempts as a
where a.webhook_id = any (array(select webhook_id from returned))
  and a.number = ($2::smallint[])[array_position($1::uuid[], a.webhook_id)]
