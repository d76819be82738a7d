-- Of some limited lanes that are this worker's, those that have work: for a worker that leaves the scan of all lanes to
-- another one, which knows the owner's lanes only as somebody else's.
--
-- $1 worker number  $2 lanes
select
  r.lane::text,
  p.priority,
  (extract(epoch from head.due_at) * 1000)::float8 as due_ms
from posthorn.lane_rules as r
cross join unnest(array[0, 1, 2]::smallint[]) as p (priority)
cross join lateral (
  select q.due_at
  from posthorn.queue as q
  where q.priority < 1000
    and q.lane = r.lane
    and q.priority = p.priority
  order by q.due_at
  limit 1
) as head
where r.lane = any ($2::bigint[])
  and r.owner = $1::integer
  and not (r.is_held or coalesce(r.retry_at > now(), false))
  and head.due_at <= now()
