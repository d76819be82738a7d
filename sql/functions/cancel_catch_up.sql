-- Ends the catch-up of an endpoint; what it has enqueued stays. Returns whether there was one.
create or replace function posthorn.cancel_catch_up(endpoint_id uuid) returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
#variable_conflict use_column
begin
  -- The endpoint first, in the order of the triggers.
  perform from posthorn.endpoints as e where e.id = cancel_catch_up.endpoint_id for no key update;
  update posthorn.catch_ups as c
  set status = 'cancelled', finished_at = clock_timestamp()
  where c.endpoint_id = cancel_catch_up.endpoint_id and c.status = 'running';
  if not found then
    return false;
  end if;
  update posthorn.endpoints as e set catching_up = false where e.id = cancel_catch_up.endpoint_id and e.catching_up;
  return true;
end
$$;

comment on function posthorn.cancel_catch_up(uuid) is 'Ends the catch-up of an endpoint. Returns whether there was one.';

revoke execute on function posthorn.cancel_catch_up(uuid) from public;
