-- Enqueues a webhook to a URL or to a registered endpoint, and returns its id. If the idempotency key was used before,
-- returns the existing webhook's id and enqueues nothing; a key is remembered for 7 days.
--
-- The second one takes JSON that was built in SQL. An argument of unknown type is text: Postgres prefers it.
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
  endpoint_id uuid default null,
  tenant text default ''
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
  if enqueue.idempotency_key is not null then
    known_id := posthorn.use_idempotency_key(coalesce(enqueue.tenant, ''), enqueue.idempotency_key, new_id);
    if known_id <> new_id then
      return known_id;
    end if;
  end if;

  insert into posthorn.outbox
    (id, url, endpoint_id, tenant, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key,
      traceparent)
  values (
    new_id,
    enqueue.url,
    enqueue.endpoint_id,
    coalesce(enqueue.tenant, ''),
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

create or replace function posthorn.enqueue(
  url text default null,
  body jsonb default null,
  headers jsonb default null,
  secret text default null,
  content_type text default 'application/json',
  priority text default 'normal',
  send_at timestamptz default null,
  max_attempts integer default null,
  idempotency_key text default null,
  traceparent text default null,
  endpoint_id uuid default null,
  tenant text default ''
) returns uuid
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  return posthorn.enqueue(
    url, body::text, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key, traceparent, endpoint_id,
    tenant);
end
$$;

comment on function posthorn.enqueue(text, text, jsonb, text, text, text, timestamptz, integer, text, text, uuid, text) is
  'Enqueues a webhook to a URL or to a registered endpoint, in your transaction. Returns its id, or for an idempotency key of the last 7 days the id of the first.';
comment on function posthorn.enqueue(text, jsonb, jsonb, text, text, text, timestamptz, integer, text, text, uuid, text) is
  'The same with a body of type jsonb.';

revoke execute on function posthorn.enqueue(text, text, jsonb, text, text, text, timestamptz, integer, text, text, uuid, text) from public;
revoke execute on function posthorn.enqueue(text, jsonb, jsonb, text, text, text, timestamptz, integer, text, text, uuid, text) from public;
