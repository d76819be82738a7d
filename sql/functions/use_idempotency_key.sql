-- Notes that a tenant's idempotency key stands for a new row of the outbox, and returns the id of the row that it stands
-- for: another one if the key was used in the last 7 days. Null: it was used for a row with this very id, which a client
-- that makes ids itself inserts again.
create or replace function posthorn.use_idempotency_key(tenant text, key text, new_id uuid) returns uuid
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
#variable_conflict use_column
declare
  known_id uuid;
begin
  -- No index could hold it. The rules of the outbox refuse the row, and say why.
  if octet_length(use_idempotency_key.key) > 255 or octet_length(use_idempotency_key.tenant) > 255 then
    return new_id;
  end if;

  loop
    insert into posthorn.idempotency_keys as k (tenant, key, outbox_id, expires_at)
    values (use_idempotency_key.tenant, use_idempotency_key.key, new_id, now() + interval '7 days')
    on conflict (tenant, key) do update
      set outbox_id = excluded.outbox_id, expires_at = excluded.expires_at
      where k.expires_at <= now();
    if found then
      return new_id;
    end if;
    select k.outbox_id
    into known_id
    from posthorn.idempotency_keys as k
    where k.tenant = use_idempotency_key.tenant and k.key = use_idempotency_key.key;
    -- If the key was pruned in between, it is not found, and is free.
    if found then
      return nullif(known_id, new_id);
    end if;
  end loop;
end
$$;

revoke execute on function posthorn.use_idempotency_key(text, text, uuid) from public;
