-- Gives limited lanes up that have had no work for a while, so that whoever finds some next may take them.
--
-- $1 worker number  $2 lanes
with locked as materialized (
  -- In the order of the lanes, as in every statement that locks several of them.
  select lane
  from posthorn.lane_rules
  where lane = any ($2::bigint[])
    and owner = $1::integer
  order by lane
  for update
)
update posthorn.lane_rules
set owner = null
where lane = any (array(select lane from locked))
