-- Lets one webhook wait whose row the usual statements cannot handle, and that is not to be ended for it.
--
-- $1 webhook id  $2 seconds  $3 number of the attempt under way; null: it is not being sent  $4 worker number
--
-- Returns a row if it was ours to set aside.
update posthorn.queue as q
set due_at = now() + $2::float8 * interval '1 second', lease_until = null, leased_by = null
where q.webhook_id = $1::uuid
  and case
    when $3::integer is null then q.lease_until is null or q.lease_until < now()
    else q.attempts = $3::integer and q.leased_by = $4::integer
  end
returning q.webhook_id
