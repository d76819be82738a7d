-- Takes back the next webhooks that a replay had put back and that nobody has tried since: each is again as it was. The caller
-- has locked the row of the replay, which is being cancelled.
--
-- $1 replay  $2 most webhooks to look at
--
-- Returns what the replay is now, and how many were taken back.
with taken as materialized (
  select t.*
  from posthorn.replays as r
  cross join lateral posthorn.take_back(replay_id => r.id, after => r.taken_back_to, most => $2::integer) as t
  where r.id = $1
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
where r.id = $1
returning r.status, t.taken_back as webhooks
