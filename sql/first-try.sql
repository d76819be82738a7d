-- How long a webhook has been tried, ms: since its first attempt, or the first since it was put back.
--
-- $1 webhook id  $2 attempts before it was put back
--
-- Abandoned attempts count here: the receiver may have been asked.
select (extract(epoch from clock_timestamp() - min(created_at)) * 1000)::float8 as tried_for_ms
from posthorn.attempts
where webhook_id = $1::uuid
  and number > $2::smallint
