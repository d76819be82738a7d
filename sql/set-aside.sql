-- Lets one webhook wait whose row the usual statements cannot handle and that should not end because of that.
--
-- psql "$DATABASE_URL" -c begin -f sql/set-aside.sql -c rollback \
--   -v webhook_id=0199c0de-0000-7000-8000-000000000001 -v for_s=3600 -v number=1 -v worker_number=1
--
-- number: of the attempt under way; null if the webhook is not being sent.
--
-- Returns a row if the webhook was ours to set aside.
update posthorn.queue as q
set due_at = now() + :'for_s'::float8 * interval '1 second', lease_until = null, leased_by = null
where q.webhook_id = :'webhook_id'::uuid
  and case
    when :'number'::integer is null then q.lease_until is null or q.lease_until < now()
    else q.attempts = :'number'::integer and q.leased_by = :'worker_number'::integer
  end
returning q.webhook_id
