-- How long a webhook has been tried, ms: since its first attempt, or since the first one after it was put back.
--
-- psql "$DATABASE_URL" -c begin -f sql/first-try.sql -c rollback \
--   -v webhook_id=0199c0de-0000-7000-8000-000000000001 -v past_attempts=0
--
-- past_attempts: how many attempts there were before it was put back.
--
-- Abandoned attempts count here, because they may have reached the receiver.
select (extract(epoch from clock_timestamp() - min(created_at)) * 1000)::float8 as tried_for_ms
from posthorn.attempts
where webhook_id = :'webhook_id'::uuid
  and number > :'past_attempts'::smallint
