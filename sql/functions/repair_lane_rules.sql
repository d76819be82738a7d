-- Rebuilds the lane_rules that misruled_lanes shows from the settings of their endpoints and tenants; returns the lanes.
create or replace function posthorn.repair_lane_rules() returns setof bigint
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  lanes bigint[] := array(select lane from posthorn.misruled_lanes);
begin
  -- In the order of the triggers: the endpoint or tenant first. A session that changes it in the meantime comes after us.
  perform from posthorn.endpoints where lane = any (lanes) order by id for update;
  perform from posthorn.tenants where key = any (lanes) order by id for update;
  perform from posthorn.lane_rules where lane = any (lanes) order by lane for update;
  delete from posthorn.lane_rules as r
  where r.lane = any (lanes)
    and not exists (
      select
      from posthorn.endpoints as e
      where e.lane = r.lane
        and e.status <> 'deleted'
        and (e.status <> 'active' or e.ordered or num_nonnulls(e.max_in_flight, e.rate_limit_per_s) > 0))
    and not exists (
      select from posthorn.tenants as t where t.key = r.lane and num_nonnulls(t.max_in_flight, t.rate_limit_per_s) > 0);
  insert into posthorn.lane_rules as r (lane, is_held, is_ordered, is_tenant, max_in_flight, rate_limit_per_s)
  select
    e.lane, e.status <> 'active' or (e.ordered and e.catching_up), e.ordered, false, e.max_in_flight, e.rate_limit_per_s
  from posthorn.endpoints as e
  where e.lane = any (lanes)
    and e.status <> 'deleted'
    and (e.status <> 'active' or e.ordered or num_nonnulls(e.max_in_flight, e.rate_limit_per_s) > 0)
  union all
  select t.key, false, false, true, t.max_in_flight, t.rate_limit_per_s
  from posthorn.tenants as t
  where t.key = any (lanes)
    and num_nonnulls(t.max_in_flight, t.rate_limit_per_s) > 0
  order by 1
  on conflict (lane) do update
    set is_held = excluded.is_held,
      is_ordered = excluded.is_ordered,
      is_tenant = excluded.is_tenant,
      max_in_flight = excluded.max_in_flight,
      rate_limit_per_s = excluded.rate_limit_per_s;
  perform pg_notify('posthorn_wake', 'rules:' || lane) from unnest(lanes) as lane;
  return query select unnest(lanes);
end
$$;

comment on function posthorn.repair_lane_rules() is 'Rebuilds the rules that posthorn.misruled_lanes shows. Returns the lanes.';

revoke execute on function posthorn.repair_lane_rules() from public;
