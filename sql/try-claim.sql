-- Does to these webhooks what a claim does, and reads all that a claim reads of them. The caller rolls it back: it shows whether one
-- of them makes a claim fail. Skips what is locked or leased by others.
--
-- psql "$DATABASE_URL" -c begin -f sql/try-claim.sql -c rollback \
--   -v webhook_ids='{0199c0de-0000-7000-8000-000000000001}'
with free as materialized (
  select webhook_id
  from posthorn.queue
  where webhook_id = any (:'webhook_ids'::uuid[])
    and (lease_until is null or lease_until < now())
  for update skip locked
),
claimed as (
  update posthorn.queue
  set
    attempts = least(attempts + 1, 32767),
    uncounted = least(uncounted + (lease_until is not null)::integer, 32767),
    lease_until = now() + interval '1 minute',
    leased_by = 0
  where webhook_id = any (array(select webhook_id from free))
  returning *
),
begun as (
  insert into posthorn.attempts (webhook_id, number, worker)
  select webhook_id, attempts, 0
  from claimed
)
select c.*, o.*, e.*, e.headers::text, (extract(epoch from c.due_at) * 1000)::float8
from claimed as c
left join posthorn.outbox as o on o.id = c.outbox_id
left join posthorn.endpoints as e
  on e.lane = case
    when o.url is null then c.lane
    when o.signed_as is not null then posthorn.lane_of(o.signed_as)
  end
