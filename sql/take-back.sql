-- Takes back the next webhooks that a replay had put back and that have not been tried since: each is again as it was before. The
-- caller has locked the row of the replay, which is being cancelled.
--
-- psql "$DATABASE_URL" -c begin -f sql/take-back.sql -c rollback \
--   -v replay_id=0199c0de-0000-7000-8000-000000000001 -v max_webhooks=1000
--
-- Returns the status of the replay now, and how many were taken back.
with taken as materialized (
  select t.*
  from posthorn.replays as r
  cross join lateral posthorn.take_back(replay_id => r.id, after => r.taken_back_to, most => :'max_webhooks'::integer) as t
  where r.id = :'replay_id'::uuid
)
update posthorn.replays as r
set
  taken_back = r.taken_back + t.taken_back,
  taken_back_to = coalesce(t.walked_to, r.taken_back_to),
  status = case
    when t.walked_to is not null then r.status
    -- There was nothing left to take back.
    when r.is_walked and r.taken_back + t.taken_back = 0 then 'finished'
    else 'cancelled'
  end,
  finished_at = case when t.walked_to is null then clock_timestamp() end,
  moved_at = clock_timestamp()
from taken as t
where r.id = :'replay_id'::uuid
returning r.status, t.taken_back as webhooks
