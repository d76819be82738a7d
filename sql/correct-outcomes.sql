-- A 2xx that came after its webhook had ended as failed or cancelled: it was delivered all the same. But not when the attempt is
-- from before a delivery after which the webhook was sent again, as in record.sql.
-- A statement of its own, so that it sees an outcome that was committed while the first one waited for the queue's row.
--
-- $1 webhook ids  $2 status codes  $3 attempt numbers
--
-- Returns those that it corrected, and those whose outcome somebody else has locked. What belongs to a row is fetched by its
-- place in $1, as in record.sql.
with free as materialized (
  select webhook_id
  from posthorn.outcomes
  where webhook_id = any ($1::uuid[])
  for update skip locked
),
corrected as (
  update posthorn.outcomes as o
  set
    status = 'delivered',
    last_status_code = ($2::smallint[])[array_position($1::uuid[], o.webhook_id)],
    reason = null
  where o.webhook_id = any (array(select webhook_id from free))
    and o.status <> 'delivered'
    and (
      select f.webhook_id
      from posthorn.former_outcomes as f
      where f.webhook_id = o.webhook_id and f.status = 'delivered'
        and f.attempts >= ($3::smallint[])[array_position($1::uuid[], o.webhook_id)]
      limit 1
    ) is null
  returning o.webhook_id
)
select webhook_id, false as is_locked from corrected
union all
select webhook_id, true
from posthorn.outcomes
where webhook_id = any ($1::uuid[])
  and webhook_id <> all (array(select webhook_id from free))
