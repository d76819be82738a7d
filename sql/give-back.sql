-- Gives back webhooks that were claimed and not sent, as if the attempt had never begun. If one of them was a probe, the next
-- probe may be sent at once.
--
-- psql "$DATABASE_URL" -c begin -f sql/give-back.sql -c rollback \
--   -v webhook_ids='{0199c0de-0000-7000-8000-000000000001}' -v numbers='{1}' -v worker_number=1
--
-- numbers: of the attempts that were begun.
--
-- A late 2xx of an earlier attempt may have ended a webhook in the meantime. Its outcome has counted this attempt, so the attempt
-- is closed instead of deleted.
-- Values of a row are found by its place in webhook_ids, as in record.sql.
with returned as (
  update posthorn.queue as q
  set attempts = q.attempts - 1, lease_until = null, leased_by = null
  where q.webhook_id = any (:'webhook_ids'::uuid[])
    and q.attempts = (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], q.webhook_id)]
    and q.leased_by = :'worker_number'::integer
  returning q.webhook_id, q.lane, q.origin
),
forgotten as (
  delete from posthorn.attempts as a
  where a.webhook_id = any (array(select webhook_id from returned))
    and a.number = (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], a.webhook_id)]
),
closed as (
  update posthorn.attempts as a
  set finished_at = clock_timestamp(), error = 'abandoned', error_message = 'The webhook ended before it was sent'
  where a.webhook_id = any (array(select id from unnest(:'webhook_ids'::uuid[]) as id except select webhook_id from returned))
    and a.number = (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], a.webhook_id)]
    and a.finished_at is null
),
-- A breaker whose row is locked keeps its probe until that lease runs out: this statement does not wait.
probed as materialized (
  select key
  from posthorn.breakers
  where key = any (array(
      select lane from returned
      union
      select coalesce(r.origin, (select e.origin from posthorn.endpoints as e where e.lane = r.lane limit 1)) from returned as r))
    and probe_webhook is not null
  for update skip locked
)
update posthorn.breakers as b
set probe_until = null, probe_webhook = null, probe_attempt = null
where b.key = any (array(select key from probed))
  and b.probe_webhook = any (array(select webhook_id from returned))
  and b.probe_attempt = (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], b.probe_webhook)]
