-- Enqueues webhooks that missed() has found, as the trigger would have; returns the ids of those that it enqueued. It
-- stores their idempotency keys, unless a key belongs to another webhook.
create or replace function posthorn.enqueue_missed(webhook_ids uuid[]) returns setof uuid
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  as $$
begin
  -- One call at a time, and no webhook is put back meanwhile, because another call's webhooks may have been sent since.
  perform pg_advisory_xact_lock(1886352244, -4);
  insert into posthorn.idempotency_keys (tenant, key, outbox_id, expires_at)
  select o.tenant, o.idempotency_key, o.id, o.created_at + interval '7 days'
  from posthorn.outbox as o
  where o.id = any (webhook_ids)
    and o.idempotency_key is not null
    and o.created_at > now() - interval '7 days'
  order by o.tenant, o.idempotency_key
  on conflict (tenant, key) do nothing;
  -- The events of that time are fanned out to those who have subscribed now.
  return query
  insert into posthorn.fan_outs (event_id)
  select o.id
  from posthorn.outbox as o
  where o.id = any (webhook_ids)
    and o.event_type is not null
  order by o.id
  on conflict (event_id) do nothing
  returning event_id;
  return query
  insert into posthorn.queue (webhook_id, outbox_id, lane, origin, tenant_key, priority, due_at)
  select
    o.id,
    o.id,
    case when o.endpoint_id is null then posthorn.lane_of(o.url) else posthorn.lane_of(o.endpoint_id) end,
    posthorn.origin_of(o.url),
    case when o.url is not null then posthorn.tenant_key(o.tenant) end,
    case
      when (select e.ordered from posthorn.endpoints as e where e.id = o.endpoint_id) then 1
      else posthorn.priority_of(o.priority)
    end,
    greatest(o.send_at, clock_timestamp())
  from posthorn.outbox as o
  where o.id = any (webhook_ids)
    and o.event_type is null
    and not exists (select from posthorn.outcomes as e where e.webhook_id = o.id)
  order by o.id
  on conflict (webhook_id) do nothing
  returning webhook_id;
  perform pg_notify('posthorn_wake', 'scan');
end
$$;

comment on function posthorn.enqueue_missed(uuid[]) is 'Enqueues webhooks that posthorn.missed() has found. Returns their ids.';

revoke execute on function posthorn.enqueue_missed(uuid[]) from public;
