-- Extends the leases of webhooks whose results cannot be recorded yet, because another session has locked a row that they need.
-- Locked rows are skipped, so this statement never waits.
--
-- psql "$DATABASE_URL" -c begin -f sql/keep-leases.sql -c rollback \
--   -v webhook_ids='{0199c0de-0000-7000-8000-000000000001}' -v numbers='{1}' -v worker_numbers='{1}'
--
-- Returns the webhooks whose own row is locked. Values of a row are found by its place in webhook_ids, as in record.sql.
with free as materialized (
  select webhook_id
  from posthorn.queue
  where webhook_id = any (:'webhook_ids'::uuid[])
  for update skip locked
),
kept as (
  update posthorn.queue as q
  set lease_until = now() + interval '1 minute'
  where q.webhook_id = any (array(select webhook_id from free))
    and q.attempts = (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], q.webhook_id)]
    and q.leased_by = (:'worker_numbers'::integer[])[array_position(:'webhook_ids'::uuid[], q.webhook_id)]
    and q.lease_until < now() + interval '30 seconds'
)
select webhook_id
from posthorn.queue
where webhook_id = any (:'webhook_ids'::uuid[])
  and webhook_id <> all (array(select webhook_id from free))
