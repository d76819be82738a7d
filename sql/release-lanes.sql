-- Gives up limited lanes that have had no work for a while, so that the next worker that finds work in them can own them. A lane
-- whose row is locked stays with this worker, which uses it again when it has work.
--
-- psql "$DATABASE_URL" -c begin -f sql/release-lanes.sql -c rollback \
--   -v worker_number=1 -v lanes='{1}'
with free as materialized (
  select lane
  from posthorn.lane_rules
  where lane = any (:'lanes'::bigint[])
    and owner = :'worker_number'::integer
  for update skip locked
)
update posthorn.lane_rules
set owner = null
where lane = any (array(select lane from free))
