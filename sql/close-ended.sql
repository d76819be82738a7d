-- Closes attempts that are open although their webhook has ended. A late 2xx of an earlier attempt ended it while another worker
-- was sending it, or was about to. If that worker dies, no rescue finds the attempt, because the webhook has no lease any more. If
-- it lives, its result replaces this one. The same holds for a webhook that was put back since: attempts from before belong to
-- no one.
--
-- psql "$DATABASE_URL" -c begin -f sql/close-ended.sql -c rollback \
--   -v webhook_ids='{0199c0de-0000-7000-8000-000000000001}'
--
-- Frees an ordered lane that waits for the retry of one of them: take_back() may have let it wait while the record waited for the
-- queue's row and could not see that any more. Notifies the worker that owns the lane.
--
-- This is a statement of its own, so that it sees what was committed while the record waited for the queue's row.
-- The attempts come first, because drop_partitions() locks them before the outcomes.
with closed as (
  update posthorn.attempts as a
  set
    finished_at = clock_timestamp(),
    error = 'abandoned',
    error_message = 'Another attempt delivered the webhook before this one ended'
  where a.webhook_id = any (:'webhook_ids'::uuid[])
    and a.finished_at is null
    and not exists (select from posthorn.queue as q where q.webhook_id = a.webhook_id and q.past_attempts < a.number)
),
held as materialized (
  select r.lane
  from unnest(:'webhook_ids'::uuid[]) as ended (id)
  cross join lateral (
    select lane
    from posthorn.outcomes
    where webhook_id = ended.id
    limit 1
  ) as e
  cross join lateral (
    select lane
    from posthorn.lane_rules
    where lane = e.lane
      and retry_of = ended.id
    offset 0
    for no key update skip locked
  ) as r
),
freed as (
  update posthorn.lane_rules
  set retry_at = null, retry_of = null
  where lane = any (array(select lane from held))
  returning lane
)
select pg_notify('posthorn_wake', 'rules:' || lane)
from freed
