-- Closes the attempts of these webhooks that were begun before the given one and never ended: their worker lost the
-- lease. Only for webhooks that were claimed with a lease run out.
--
-- $1 webhook ids  $2 attempt numbers now under way
--
-- What belongs to a row is fetched by its place in $1, as in record.sql.
update posthorn.attempts as a
set finished_at = clock_timestamp(), error = 'abandoned', error_message = 'The lease ran out before the attempt ended'
where a.webhook_id = any ($1::uuid[])
  and a.number < ($2::smallint[])[array_position($1::uuid[], a.webhook_id)]
  and a.finished_at is null
