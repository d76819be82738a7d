-- Ends one webhook whose result, or whose next attempt, the usual statements cannot write. An outcome that is there already
-- stays, unless the webhook was delivered now.
--
-- $1 webhook id  $2 'delivered' or 'failed'  $3 reason  $4 status code
-- $5 number of the attempt under way; null: it is not being sent  $6 worker number
--
-- Returns a row if it was ours to end.
with ended as (
  delete from posthorn.queue as q
  where q.webhook_id = $1::uuid
    and case
      when $5::integer is null then q.lease_until is null or q.lease_until < now()
      else $2::text = 'delivered' or (q.attempts = $5::integer and q.leased_by = $6::integer)
    end
  returning q.webhook_id, q.outbox_id, q.lane, q.attempts
),
outcome as (
  insert into posthorn.outcomes as o (webhook_id, outbox_id, lane, status, attempts, last_status_code, reason)
  select
    e.webhook_id,
    e.outbox_id,
    e.lane,
    $2::text::posthorn.webhook_status,
    -- So that an attempt after it is put back gets a number that is free.
    greatest(
      e.attempts,
      (select a.number from posthorn.attempts as a where a.webhook_id = e.webhook_id order by a.number desc limit 1)),
    $4::smallint,
    $3::text
  from ended as e
  on conflict (webhook_id) do update
    set status = excluded.status, last_status_code = excluded.last_status_code, reason = null
    where excluded.status = 'delivered' and o.status <> 'delivered'
)
select webhook_id from ended
