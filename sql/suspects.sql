-- The webhooks that a failed claim or probe would have taken: one of them may be at fault. Run only after such a failure.
--
-- psql "$DATABASE_URL" -c begin -f sql/suspects.sql -c rollback \
--   -v lanes='{1}' -v priorities='{1}' -v quotas='{5}' -v due_from_ms='{0}' -v window_from_ms=0 -v max_newest=64 \
--   -v probe_lanes='{}'
--
-- The parameters are those of claim.sql. probe_lanes: lanes that were to be probed for their origins. Reads only ids, so that no value of a row can make it fail.
select wished.webhook_id
from unnest(:'lanes'::bigint[], :'priorities'::smallint[], :'quotas'::integer[], :'due_from_ms'::float8[]) as w (lane, priority, quota, due_from)
cross join lateral (
  select webhook_id
  from posthorn.queue
  where priority < 1000
    and (lease_until is null or lease_until < now())
    and lane = w.lane
    and priority = w.priority
    and due_at >= to_timestamp(w.due_from / 1000)
    and due_at <= now()
  order by due_at
  limit w.quota
) as wished
union
-- As many of each lane that the window saw as it saw of it: those may lie between the window and the newest.
select found.webhook_id
from (
  select lane, priority, count(*) as waiting, min(due_at) as first_due
  from (
    (
      select lane, priority, due_at, webhook_id
      from posthorn.queue
      where priority > -1
        and (lease_until is null or lease_until < now())
        and due_at >= to_timestamp(:'window_from_ms'::float8 / 1000)
        and due_at <= now()
      order by due_at
      limit 250
    )
    union
    (
      select lane, priority, due_at, webhook_id
      from posthorn.queue
      where priority > -1
        and (lease_until is null or lease_until < now())
        and due_at >= to_timestamp(:'window_from_ms'::float8 / 1000)
        and due_at <= now()
      order by due_at desc
      limit :'max_newest'::integer
    )
  ) as seen
  group by lane, priority
) as discovered
cross join lateral (
  select webhook_id
  from posthorn.queue
  where priority < 1000
    and (lease_until is null or lease_until < now())
    and lane = discovered.lane
    and priority = discovered.priority
    and due_at >= discovered.first_due
    and due_at <= now()
  order by due_at
  limit discovered.waiting
) as found
union
select first.webhook_id
from (
  select key as lane
  from posthorn.breakers
  where state = 'open'
    and open_until <= now()
    and key <> origin
  union all
  select unnest(:'probe_lanes'::bigint[])
) as b
cross join unnest(array[0, 1, 2]::smallint[]) as p (priority)
cross join lateral (
  select webhook_id
  from posthorn.queue as q
  where q.priority < 1000
    and (q.lease_until is null or q.lease_until < now())
    and q.lane = b.lane
    and q.priority = p.priority
    and q.due_at <= now()
  order by q.due_at
  limit 1
) as first
