-- Gives lanes that begin to fail a breaker's row to count in; those that have one keep it. A row that is there is not touched:
-- on conflict would wait for somebody who is deleting it.
--
-- $1 lanes  $2 addresses
insert into posthorn.breakers (lane, url)
select n.lane, n.url
from unnest($1::bigint[], $2::text[]) as n (lane, url)
where (
  select b.lane
  from posthorn.breakers as b
  where b.lane = n.lane
  -- Keeps it a lookup by primary key per lane.
  limit 1
) is null
order by n.lane
on conflict (lane) do nothing
