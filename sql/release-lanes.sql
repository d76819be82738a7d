-- Gives limited lanes up that have had no work for a while, so that whoever finds some next may take them.
--
-- $1 worker number  $2 lanes
update posthorn.lane_rules
set owner = null
where lane = any ($2::bigint[])
  and owner = $1::integer
