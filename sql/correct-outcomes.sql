-- A 2xx that came after its webhook had ended as failed or cancelled: it was delivered all the same. But not when the attempt is
-- from before a delivery after which the webhook was sent again, as in record.sql.
-- A statement of its own, so that it sees an outcome that was committed while the first one waited for the queue's row.
--
-- $1 webhook ids  $2 status codes  $3 attempt numbers
update posthorn.outcomes as o
set status = 'delivered', last_status_code = r.status_code, reason = null
from unnest($1::uuid[], $2::smallint[], $3::smallint[]) as r (webhook_id, status_code, number)
where o.webhook_id = r.webhook_id
  and o.status <> 'delivered'
  and (
    select f.webhook_id
    from posthorn.former_outcomes as f
    where f.webhook_id = r.webhook_id and f.status = 'delivered' and f.attempts >= r.number
    limit 1
  ) is null
returning o.webhook_id
