-- A late 2xx of a worker that had lost its lease: delivered is delivered, whatever was decided in between. The attempt
-- itself was recorded by record.sql. Slow path: only ids that record.sql did not return.
--
-- $1 webhook ids  $2 status codes
with results as materialized (
  select * from unnest($1::uuid[], $2::smallint[]) as r (webhook_id, status_code)
),
ended as (
  delete from posthorn.queue as q
  using results as r
  where q.webhook_id = r.webhook_id
  returning q.webhook_id, q.outbox_id, q.lane, q.attempts, r.status_code
)
insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, last_status_code)
select webhook_id, outbox_id, lane, 'delivered', attempts, status_code
from ended
on conflict (webhook_id) do nothing
