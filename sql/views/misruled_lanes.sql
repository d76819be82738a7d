-- Endpoints and tenants whose lane_rules differ from their settings, because a trigger did not fire, as in missed(); and rules
-- that belong to none.
create or replace view posthorn.misruled_lanes as
select coalesce(e.lane, r.lane) as lane, e.id as endpoint_id, e.tenant
from (
  select
    id,
    null::text as tenant,
    lane,
    status <> 'active' or (ordered and catching_up) as is_held,
    ordered,
    false as is_tenant,
    max_in_flight,
    rate_limit_per_s,
    status <> 'deleted'
      and (status <> 'active' or ordered or num_nonnulls(max_in_flight, rate_limit_per_s) > 0) as has_rule
  from posthorn.endpoints
  union all
  select
    null, id, key, false, false, true, max_in_flight, rate_limit_per_s, num_nonnulls(max_in_flight, rate_limit_per_s) > 0
  from posthorn.tenants
) as e
full join posthorn.lane_rules as r on r.lane = e.lane
where case
  when e.lane is null then true
  when not e.has_rule then r.lane is not null
  else (e.is_held, e.ordered, e.is_tenant, e.max_in_flight, e.rate_limit_per_s)
    is distinct from (r.is_held, r.is_ordered, r.is_tenant, r.max_in_flight, r.rate_limit_per_s)
end;

comment on view posthorn.misruled_lanes is 'Endpoints and tenants whose lane_rules differ from their settings, because a trigger did not fire.';
comment on column posthorn.misruled_lanes.lane is 'The key of the endpoint or of the tenant.';
comment on column posthorn.misruled_lanes.endpoint_id is 'The endpoint. Null: it is a tenant, or the endpoint is gone.';
comment on column posthorn.misruled_lanes.tenant is 'The tenant. Null: it is an endpoint, or the tenant is gone.';
