-- Gives all endpoints of a tenant to another tenant id; returns how many. Their subscriptions are ended and made again, so
-- that it can still be told who had subscribed to an event of the former id. Events keep the tenant under which they were
-- published: an endpoint that is disabled does not catch up with those of the former id. The idempotency keys stay with it.
create or replace function posthorn.rename_tenant(former text, new text) returns bigint
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  renamed uuid[];
  ended uuid[];
begin
  -- Subscriptions that are made again are later than what a disabled endpoint has missed.
  if former = new then
    return 0;
  end if;
  perform set_config('posthorn.is_renaming', 'on', true);
  with moved as (
    update posthorn.endpoints as e set tenant = rename_tenant.new where e.tenant = rename_tenant.former and e.status <> 'deleted'
    returning e.id
  )
  select coalesce(array_agg(id), '{}') into renamed from moved;
  perform set_config('posthorn.is_renaming', '', true);
  with over as (
    update posthorn.subscriptions as s
    set ended_at = clock_timestamp()
    where s.endpoint_id = any (renamed) and s.ended_at is null
    returning s.id
  )
  select array_agg(id) into ended from over;
  insert into posthorn.subscriptions (endpoint_id, event_type, filter)
  select s.endpoint_id, s.event_type, s.filter
  from posthorn.subscriptions as s
  where s.id = any (ended)
  order by s.id;
  update posthorn.tenants as t set id = rename_tenant.new where t.id = rename_tenant.former;
  return cardinality(renamed);
end
$$;

comment on function posthorn.rename_tenant(text, text) is 'Gives all endpoints of a tenant to another tenant id. Returns how many.';

revoke execute on function posthorn.rename_tenant(text, text) from public;
