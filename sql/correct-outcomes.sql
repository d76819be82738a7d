-- Corrects the outcome of webhooks that got a 2xx after they had ended as failed or cancelled: they were delivered after all. Not
-- if the attempt is from before a delivery after which the webhook was sent again, as in record.sql.
--
-- psql "$DATABASE_URL" -c begin -f sql/correct-outcomes.sql -c rollback \
--   -v webhook_ids='{0199c0de-0000-7000-8000-000000000001}' -v status_codes='{200}' -v numbers='{1}'
--
-- Returns those that it corrected, and those whose outcome is locked by another session.
--
-- This is a statement of its own, so that it sees an outcome that was committed while record.sql waited for the queue's row.
-- Values of a row are found by its place in webhook_ids, as in record.sql.
with free as materialized (
  select webhook_id
  from posthorn.outcomes
  where webhook_id = any (:'webhook_ids'::uuid[])
  for update skip locked
),
corrected as (
  update posthorn.outcomes as o
  set
    status = 'delivered',
    last_status_code = (:'status_codes'::smallint[])[array_position(:'webhook_ids'::uuid[], o.webhook_id)],
    reason = null
  where o.webhook_id = any (array(select webhook_id from free))
    and o.status <> 'delivered'
    and (
      select f.webhook_id
      from posthorn.former_outcomes as f
      where f.webhook_id = o.webhook_id and f.status = 'delivered'
        and f.attempts >= (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], o.webhook_id)]
      limit 1
    ) is null
  returning o.webhook_id
)
select webhook_id, false as is_locked from corrected
union all
select webhook_id, true
from posthorn.outcomes
where webhook_id = any (:'webhook_ids'::uuid[])
  and webhook_id <> all (array(select webhook_id from free))
