-- Makes the subscriptions that stray_subscriptions shows agree with their endpoints: those of a deleted endpoint end, those
-- of an endpoint that went to another tenant end and are made again, those of an endpoint without a row are deleted.
-- Returns their ids.
create or replace function posthorn.repair_subscriptions() returns setof uuid
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  strays uuid[] := array(select id from posthorn.stray_subscriptions order by id);
  moved uuid[];
begin
  -- In the order of the triggers: the endpoint first. A session that changes it in the meantime comes after us.
  perform
  from posthorn.endpoints as e
  where e.id in (select s.endpoint_id from posthorn.subscriptions as s where s.id = any (strays))
  order by e.id
  for update;
  moved := array(
    select s.id
    from posthorn.subscriptions as s
    join posthorn.endpoints as e on e.id = s.endpoint_id
    where s.id = any (strays)
      and s.tenant <> e.tenant
      and s.ended_at is null
      and e.status <> 'deleted'
  );
  update posthorn.subscriptions as s
  set
    is_ordered = e.ordered,
    is_live = s.ended_at is null and e.status in ('active', 'paused'),
    ended_at = case
      when e.status = 'deleted' or s.id = any (moved) then coalesce(s.ended_at, clock_timestamp())
      else s.ended_at
    end
  from posthorn.endpoints as e
  where s.id = any (strays)
    and e.id = s.endpoint_id;
  -- As rename_tenant() does it.
  insert into posthorn.subscriptions (endpoint_id, event_type, filter)
  select s.endpoint_id, s.event_type, s.filter
  from posthorn.subscriptions as s
  where s.id = any (moved)
  order by s.id;
  delete from posthorn.subscriptions as s
  where s.id = any (strays)
    and not exists (select from posthorn.endpoints as e where e.id = s.endpoint_id);
  return query select unnest(strays);
end
$$;

comment on function posthorn.repair_subscriptions() is 'Makes the subscriptions that posthorn.stray_subscriptions shows agree with their endpoints. Returns their ids.';

revoke execute on function posthorn.repair_subscriptions() from public;
