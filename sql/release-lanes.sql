-- Gives up limited lanes and tenants, so that the next worker that finds work in them can own them: those that have had no work for a
-- while, and lanes whose tenant another worker owns. A lane whose row is locked stays with this worker.
--
-- psql "$DATABASE_URL" -c begin -f sql/release-lanes.sql -c rollback \
--   -v worker_number=1 -v lanes='{1}' -v is_wanted=false
--
-- is_wanted: another worker waits for them. It is notified, and may not use the whole rate at once.
--
-- Returns the lanes that were given up.
with free as materialized (
  select lane
  from posthorn.lane_rules
  where lane = any (:'lanes'::bigint[])
    and owner = :'worker_number'::integer
  for update skip locked
),
freed as (
  update posthorn.lane_rules
  set
    owner = null,
    rate_from = case
      when :'is_wanted'::boolean then now() + interval '1 second' / greatest(least(rate_limit_per_s, 10000), 0.001)
      else rate_from
    end
  where lane = any (array(select lane from free))
  returning lane
)
select lane::text, case when :'is_wanted'::boolean then pg_notify('posthorn_wake', 'rules:' || lane) end as notified
from freed
