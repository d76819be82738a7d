-- Creates a breaker's row for lanes that begin to fail, to count in. An existing row is not touched: "on conflict" alone would wait
-- for a session that is deleting it.
--
-- psql "$DATABASE_URL" -c begin -f sql/watch-lanes.sql -c rollback \
--   -v lanes='{1}' -v urls='{http://receiver.example/}'
insert into posthorn.breakers (lane, url)
select n.lane, n.url
from unnest(:'lanes'::bigint[], :'urls'::text[]) as n (lane, url)
where (
  select b.lane
  from posthorn.breakers as b
  where b.lane = n.lane
  -- Keeps it a lookup by primary key per lane.
  limit 1
) is null
order by n.lane
on conflict (lane) do nothing
