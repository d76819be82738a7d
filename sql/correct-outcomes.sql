-- A 2xx that came after its webhook had ended as failed or cancelled: it was delivered all the same.
-- A statement of its own, so that it sees an outcome that was committed while the first one waited for the queue's row.
--
-- $1 webhook ids  $2 status codes
update posthorn.outcomes as o
set status = 'delivered', last_status_code = r.status_code, reason = null
from unnest($1::uuid[], $2::smallint[]) as r (webhook_id, status_code)
where o.webhook_id = r.webhook_id
  and o.status <> 'delivered'
returning o.webhook_id
