-- Gives lanes that begin to fail a breaker's row to count in; those that have one keep it.
--
-- $1 lanes  $2 addresses
insert into posthorn.breakers (lane, url)
select *
from unnest($1::bigint[], $2::text[]) as n (lane, url)
order by lane
on conflict (lane) do nothing
