-- Runs before a tenant is changed: with another limit it is not full until its webhooks are counted again.
create or replace function posthorn.tenant_changes() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  new.full_since := null;
  return new;
end
$$;

create or replace trigger tenant_changes
  before update on posthorn.tenants
  for each row
  when (old.max_waiting is distinct from new.max_waiting)
  execute function posthorn.tenant_changes();

revoke execute on function posthorn.tenant_changes() from public;
