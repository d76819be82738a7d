-- Inserts a row of new_webhooks into the outbox, and returns it as it was inserted. It acts with its owner's rights, but
-- does only what the rights of producers allow as well, except for ids: see id_to_take().
create or replace function posthorn.insert_new_webhook() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  new_id uuid := case when new.id is null then posthorn.uuid_v7() else posthorn.id_to_take(new.id) end;
  known_id uuid;
begin
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
    (id, url, endpoint_id, tenant, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key,
      traceparent)
  values (
    new_id, new.url, new.endpoint_id, new.tenant, new.body, new.headers, new.secret, new.content_type, new.priority, new.send_at,
    new.max_attempts, new.idempotency_key, new.traceparent)
  returning o.id, o.created_at
  into new.id, new.created_at;
  return new;
end
$$;

create or replace trigger insert_new_webhook
  instead of insert on posthorn.new_webhooks
  for each row
  execute function posthorn.insert_new_webhook();

revoke execute on function posthorn.insert_new_webhook() from public;
