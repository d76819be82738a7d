-- Ends one webhook whose result, or whose next attempt, the usual statements cannot write. An existing outcome stays, unless the
-- webhook was delivered now.
--
-- psql "$DATABASE_URL" -c begin -f sql/end-poisoned.sql -c rollback \
--   -v webhook_id=0199c0de-0000-7000-8000-000000000001 -v status=failed -v reason=poison_row -v status_code=200 \
--   -v number=1 -v worker_number=1
--
-- status: 'delivered' or 'failed'. number: of the attempt under way; null if the webhook is not being sent.
--
-- Returns a row if the webhook was ours to end.
with ended as (
  delete from posthorn.queue as q
  where q.webhook_id = :'webhook_id'::uuid
    and case
      when :'number'::integer is null then q.lease_until is null or q.lease_until < now()
      else :'status'::text = 'delivered' or (q.attempts = :'number'::integer and q.leased_by = :'worker_number'::integer)
    end
  returning q.webhook_id, q.outbox_id, q.lane, q.attempts
),
outcome as (
  insert into posthorn.outcomes as o (webhook_id, outbox_id, lane, status, attempts, last_status_code, reason)
  select
    e.webhook_id,
    e.outbox_id,
    e.lane,
    :'status'::text::posthorn.webhook_status,
    -- So that an attempt after it is put back gets a number that is free.
    greatest(
      e.attempts,
      (select a.number from posthorn.attempts as a where a.webhook_id = e.webhook_id order by a.number desc limit 1)),
    :'status_code'::smallint,
    :'reason'::text
  from ended as e
  on conflict (webhook_id) do update
    set status = excluded.status, last_status_code = excluded.last_status_code, reason = null
    where excluded.status = 'delivered' and o.status <> 'delivered'
)
select webhook_id from ended
