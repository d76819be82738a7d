-- Closes the attempts of these webhooks that were begun before the given one and never ended: their worker lost the
-- lease. Only for webhooks that were claimed with a lease run out.
--
-- $1 webhook ids  $2 attempt numbers now under way
update posthorn.attempts as a
set finished_at = clock_timestamp(), error = 'abandoned', error_message = 'The lease ran out before the attempt ended'
from unnest($1::uuid[], $2::smallint[]) as r (webhook_id, number)
where a.webhook_id = r.webhook_id
  and a.number < r.number
  and a.finished_at is null
