-- Keeps the leases of webhooks whose results are put off, because somebody else has a row locked that these need. Nothing waits
-- here: what is locked is passed over.
--
-- $1 webhook ids  $2 attempt numbers  $3 worker numbers
--
-- Returns the webhooks whose own row is locked. What belongs to a row is fetched by its place in $1, as in record.sql.
with free as materialized (
  select webhook_id
  from posthorn.queue
  where webhook_id = any ($1::uuid[])
  for update skip locked
),
kept as (
  update posthorn.queue as q
  set lease_until = now() + interval '1 minute'
  where q.webhook_id = any (array(select webhook_id from free))
    and q.attempts = ($2::smallint[])[array_position($1::uuid[], q.webhook_id)]
    and q.leased_by = ($3::integer[])[array_position($1::uuid[], q.webhook_id)]
    and q.lease_until < now() + interval '30 seconds'
)
select webhook_id
from posthorn.queue
where webhook_id = any ($1::uuid[])
  and webhook_id <> all (array(select webhook_id from free))
