-- Tenants that are full.
--
-- psql "$DATABASE_URL" -c begin -f sql/alert-tenants.sql -c rollback \
--   -v max_new=100
--
-- max_new: most that have no alert yet.
with found as (
  select
    t.id,
    (extract(epoch from now() - greatest(t.full_since, 'epoch')) * 1000)::float8 as full_ms,
    t.max_waiting::float8 as max_waiting,
    t.refuse_when_full as refuses,
    row_number() over (partition by a.id is not null order by t.full_since) as place,
    a.id is not null as is_known
  from posthorn.tenants as t
  left join posthorn.alerts as a
    on a.rule = 'tenant_full' and a.subject = t.id and a.resolved_at is null
  where t.full_since is not null
)
select id, full_ms, max_waiting, refuses
from found
where is_known or place <= :'max_new'::integer
