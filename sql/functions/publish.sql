-- Publishes an event of a tenant, and returns its id. In this transaction, a webhook is enqueued for each of the tenant's
-- endpoints that subscribes to it. If the tenant has used the idempotency key in the last 7 days, returns the id of the
-- event that is already there and enqueues nothing. The tenant '*' is all tenants.
--
-- The second one takes JSON that was built in SQL. An argument of unknown type is text: Postgres prefers it.
create or replace function posthorn.publish(
  tenant text,
  event_type text,
  body text,
  headers jsonb default null,
  content_type text default 'application/json',
  priority text default 'normal',
  send_at timestamptz default null,
  max_attempts integer default null,
  idempotency_key text default null,
  traceparent text default null
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
  if publish.idempotency_key is not null then
    known_id := posthorn.use_idempotency_key(coalesce(publish.tenant, ''), publish.idempotency_key, new_id);
    if known_id <> new_id then
      return known_id;
    end if;
  end if;

  insert into posthorn.outbox
    (id, tenant, event_type, body, headers, content_type, priority, send_at, max_attempts, idempotency_key, traceparent)
  values (
    new_id,
    publish.tenant,
    publish.event_type,
    publish.body,
    publish.headers,
    coalesce(publish.content_type, 'application/json'),
    coalesce(publish.priority, 'normal'),
    publish.send_at,
    publish.max_attempts,
    publish.idempotency_key,
    publish.traceparent
  );
  return new_id;
end
$$;

create or replace function posthorn.publish(
  tenant text,
  event_type text,
  body jsonb,
  headers jsonb default null,
  content_type text default 'application/json',
  priority text default 'normal',
  send_at timestamptz default null,
  max_attempts integer default null,
  idempotency_key text default null,
  traceparent text default null
) returns uuid
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  return posthorn.publish(
    tenant, event_type, body::text, headers, content_type, priority, send_at, max_attempts, idempotency_key, traceparent);
end
$$;

comment on function posthorn.publish(text, text, text, jsonb, text, text, timestamptz, integer, text, text) is
  'Publishes an event of a tenant to all endpoints that subscribe to it, in your transaction. Returns its id, or for an idempotency key of the last 7 days the id of the first.';
comment on function posthorn.publish(text, text, jsonb, jsonb, text, text, timestamptz, integer, text, text) is
  'The same with a body of type jsonb.';

revoke execute on function posthorn.publish(text, text, text, jsonb, text, text, timestamptz, integer, text, text) from public;
revoke execute on function posthorn.publish(text, text, jsonb, jsonb, text, text, timestamptz, integer, text, text) from public;
