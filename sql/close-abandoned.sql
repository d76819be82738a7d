-- Closes the earlier attempts of these webhooks that never ended, because their worker lost the lease. Run only for webhooks
-- that were claimed after a lease ran out.
--
-- psql "$DATABASE_URL" -c begin -f sql/close-abandoned.sql -c rollback \
--   -v webhook_ids='{0199c0de-0000-7000-8000-000000000001}' -v numbers='{2}'
--
-- numbers: of the attempts that are under way now.
--
-- Values of a row are found by its place in webhook_ids, as in record.sql.
update posthorn.attempts as a
set finished_at = clock_timestamp(), error = 'abandoned', error_message = 'The lease ran out before the attempt ended'
where a.webhook_id = any (:'webhook_ids'::uuid[])
  and a.number < (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], a.webhook_id)]
  and a.finished_at is null
