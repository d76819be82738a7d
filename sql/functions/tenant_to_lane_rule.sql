-- Turns the limits of a tenant into its row of lane_rules, which the claim reads, and notifies the workers.
create or replace function posthorn.tenant_to_lane_rule() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  former bigint := case when tg_op <> 'INSERT' then old.key end;
  present bigint := case when tg_op <> 'DELETE' then new.key end;
  former_owner integer;
begin
  if former is distinct from present or num_nonnulls(new.max_in_flight, new.rate_limit_per_s) = 0 then
    delete from posthorn.lane_rules where lane = former returning owner into former_owner;
  end if;
  -- A tenant with another id keeps its owner, because that one also owns the limited endpoints.
  if tg_op <> 'DELETE' and num_nonnulls(new.max_in_flight, new.rate_limit_per_s) > 0 then
    insert into posthorn.lane_rules (lane, is_held, is_ordered, is_tenant, max_in_flight, rate_limit_per_s, owner)
    values (present, false, false, true, new.max_in_flight, new.rate_limit_per_s, former_owner)
    on conflict (lane) do update
      set max_in_flight = excluded.max_in_flight, rate_limit_per_s = excluded.rate_limit_per_s;
  end if;
  perform pg_notify('posthorn_wake', 'rules:' || key) from unnest(array[former, present]) as key where key is not null;
  return null;
end
$$;

create or replace trigger tenant_to_lane_rule_on_insert
  after insert on posthorn.tenants
  for each row
  when (new.max_in_flight is not null or new.rate_limit_per_s is not null)
  execute function posthorn.tenant_to_lane_rule();

create or replace trigger tenant_to_lane_rule_on_update
  after update on posthorn.tenants
  for each row
  when (
    (old.max_in_flight, old.rate_limit_per_s) is distinct from (new.max_in_flight, new.rate_limit_per_s)
    or old.id <> new.id and (new.max_in_flight is not null or new.rate_limit_per_s is not null))
  execute function posthorn.tenant_to_lane_rule();

create or replace trigger tenant_to_lane_rule_on_delete
  after delete on posthorn.tenants
  for each row
  when (old.max_in_flight is not null or old.rate_limit_per_s is not null)
  execute function posthorn.tenant_to_lane_rule();

revoke execute on function posthorn.tenant_to_lane_rule() from public;
