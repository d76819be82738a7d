-- Enqueues a webhook to a URL or to a registered endpoint, and returns its id. If the idempotency key was used before,
-- returns the existing webhook's id and enqueues nothing; a key is remembered for 7 days.
create or replace function posthorn.enqueue(
  url text default null,
  body text default null,
  headers jsonb default null,
  secret text default null,
  content_type text default 'application/json',
  priority text default 'normal',
  send_at timestamptz default null,
  max_attempts integer default null,
  idempotency_key text default null,
  traceparent text default null,
  endpoint_id uuid default null
) returns uuid
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
#variable_conflict use_column
declare
  new_id uuid := posthorn.uuid_v7();
  known_id uuid;
begin
  while enqueue.idempotency_key is not null loop
    insert into posthorn.idempotency_keys as k (key, webhook_id, expires_at)
    values (enqueue.idempotency_key, new_id, now() + interval '7 days')
    on conflict (key) do update
      set webhook_id = excluded.webhook_id, expires_at = excluded.expires_at
      where k.expires_at <= now();
    exit when found;
    select k.webhook_id into known_id from posthorn.idempotency_keys as k where k.key = enqueue.idempotency_key;
    -- If the key was pruned in between, it is not found, and is free.
    if found then
      return known_id;
    end if;
  end loop;

  insert into posthorn.outbox
    (id, url, endpoint_id, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key,
      traceparent)
  values (
    new_id,
    enqueue.url,
    enqueue.endpoint_id,
    enqueue.body,
    enqueue.headers,
    enqueue.secret,
    coalesce(enqueue.content_type, 'application/json'),
    coalesce(enqueue.priority, 'normal'),
    enqueue.send_at,
    enqueue.max_attempts,
    enqueue.idempotency_key,
    enqueue.traceparent
  );
  return new_id;
end
$$;

revoke execute on function posthorn.enqueue(text, text, jsonb, text, text, text, timestamptz, integer, text, text, uuid) from public;
