-- Gives all endpoints of a tenant, with their subscriptions, to another tenant id; returns how many. Events keep the tenant
-- under which they were published. The idempotency keys stay with the old id.
create or replace function posthorn.rename_tenant(former text, new text) returns bigint
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  endpoints bigint;
begin
  perform set_config('posthorn.is_renaming', 'on', true);
  with renamed as (
    update posthorn.endpoints as e set tenant = rename_tenant.new where e.tenant = rename_tenant.former and e.status <> 'deleted'
    returning e.id
  ),
  followed as (
    update posthorn.subscriptions as s
    set tenant = rename_tenant.new
    where s.endpoint_id in (select id from renamed) and s.ended_at is null
  )
  select count(*) into endpoints from renamed;
  perform set_config('posthorn.is_renaming', '', true);
  update posthorn.tenants as t set id = rename_tenant.new where t.id = rename_tenant.former;
  return endpoints;
end
$$;

revoke execute on function posthorn.rename_tenant(text, text) from public;
