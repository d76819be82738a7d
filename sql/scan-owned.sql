-- Which of these limited lanes of this worker have work. Used when another worker scans all lanes, because that worker sees these
-- only as lanes of someone else.
--
-- psql "$DATABASE_URL" -c begin -f sql/scan-owned.sql -c rollback \
--   -v worker_number=1 -v lanes='{1}'
--
-- The columns are those of scan-lanes.sql.
select
  r.lane::text,
  p.priority,
  (extract(epoch from head.due_at) * 1000)::float8 as due_ms,
  coalesce(e.origin, r.lane)::text as origin,
  e.tenant_key,
  'mine' as access,
  case
    when t.lane is null then 'anyone'
    when t.owner = :'worker_number'::integer then 'mine'
    when t.owner is null then 'unowned'
    else 'theirs'
  end as tenant_access
from posthorn.lane_rules as r
left join posthorn.endpoints as e on e.lane = r.lane
left join posthorn.lane_rules as t on t.lane = e.tenant_key
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
where r.lane = any (:'lanes'::bigint[])
  and r.owner = :'worker_number'::integer
  and not (r.is_held or coalesce(r.retry_at > now(), false))
  and head.due_at <= now()
