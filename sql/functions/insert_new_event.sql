-- Inserts a row of new_events into the outbox, and returns it as it was inserted. See insert_new_webhook().
create or replace function posthorn.insert_new_event() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  new_id uuid := case when new.id is null then posthorn.uuid_v7() else posthorn.id_to_take(new.id) end;
  known_id uuid;
begin
  -- An endpoint that is enabled again reads what it has missed by ids, from a minute before it was disabled on. It would pass an
  -- event with an older id. An id that is there already stays, so that it is refused.
  if posthorn.uuid_time(new_id) < clock_timestamp() - interval '30 seconds'
    and not exists (select from posthorn.outbox as o where o.id = new_id)
  then
    new_id := posthorn.uuid_v7();
  end if;

  new.tenant := coalesce(new.tenant, '');
  new.content_type := coalesce(new.content_type, 'application/json');
  new.priority := coalesce(new.priority, 'normal');
  if new.headers in ('null', '[]') then
    new.headers := null;
  end if;

  if new.idempotency_key is not null then
    known_id := posthorn.use_idempotency_key(new.tenant, new.idempotency_key, new_id);
    if known_id is distinct from new_id then
      new.id := coalesce(known_id, new_id);
      new.created_at := posthorn.uuid_time(new.id);
      return new;
    end if;
  end if;

  insert into posthorn.outbox as o
    (id, tenant, event_type, body, headers, content_type, priority, send_at, max_attempts, idempotency_key, traceparent)
  values (
    new_id, new.tenant, new.event_type, new.body, new.headers, new.content_type, new.priority, new.send_at, new.max_attempts,
    new.idempotency_key, new.traceparent)
  returning o.id, o.created_at
  into new.id, new.created_at;
  return new;
end
$$;

create or replace trigger insert_new_event
  instead of insert on posthorn.new_events
  for each row
  execute function posthorn.insert_new_event();

revoke execute on function posthorn.insert_new_event() from public;
