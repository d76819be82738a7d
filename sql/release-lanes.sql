-- Gives limited lanes up that have had no work for a while, so that whoever finds some next may take them. One that somebody
-- has locked stays this worker's, which takes it again when it has work.
--
-- $1 worker number  $2 lanes
with free as materialized (
  select lane
  from posthorn.lane_rules
  where lane = any ($2::bigint[])
    and owner = $1::integer
  for update skip locked
)
update posthorn.lane_rules
set owner = null
where lane = any (array(select lane from free))
