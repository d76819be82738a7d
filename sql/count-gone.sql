-- Counts answers 410 Gone of a registered endpoint since its last success. The second disables the endpoint: its waiting webhooks
-- are held.
--
-- psql "$DATABASE_URL" -c begin -f sql/count-gone.sql -c rollback \
--   -v endpoint_id=0199c0de-0000-7000-8000-000000000001 -v answers=1 -v succeeded=false
--
-- succeeded: there was a success before these answers.
--
-- Returns whether the endpoint is disabled now, and whether nothing was counted because another session has locked its row, or the
-- rule of its lane, which a trigger writes when an endpoint is disabled.
with free as materialized (
  select id, lane
  from posthorn.endpoints
  where id = :'endpoint_id'::uuid
    and status <> 'deleted'
  for no key update skip locked
),
ruled as materialized (
  select lane
  from posthorn.lane_rules
  where lane = any (array(select lane from free))
),
free_rule as materialized (
  select lane
  from posthorn.lane_rules
  where lane = any (array(select lane from ruled))
  for update skip locked
),
counted as (
  update posthorn.endpoints as e
  set (gone_answers, status, status_reason) = (
    select
      least(n.answers, 1000),
      case when n.answers >= 2 and e.status <> 'disabled' then 'disabled' else e.status end,
      case when n.answers >= 2 and e.status <> 'disabled' then 'gone' else e.status_reason end
    from (select case when :'succeeded'::boolean then 0 else e.gone_answers end + :'answers'::integer as answers) as n
  )
  where e.id = any (array(select id from free))
    and e.lane <> all (array(select lane from ruled except select lane from free_rule))
  returning e.status = 'disabled' as is_disabled
)
select
  coalesce((select is_disabled from counted), false) as is_disabled,
  exists (select from posthorn.endpoints where id = :'endpoint_id'::uuid and status <> 'deleted')
    and not exists (select from counted) as is_locked
