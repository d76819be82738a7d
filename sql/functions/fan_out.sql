-- Adds the webhooks of an event that was left to a job to the queue, for at most "most" further endpoints, in the order
-- of their ids; returns how many it added and whether that was all. The progress is saved in the same transaction, so
-- that each endpoint is looked at once, whatever crashes. Null: another job has done it.
--
-- The recipients are those that the producer's statement saw. A subscription that was made or ended at the same time is
-- judged by its transaction, unless it is a day older, or a number is one that this server has not reached: after a dump
-- was restored, the numbers of transactions in it are those of another server. Then the times decide.
create or replace function posthorn.fan_out(event_id uuid, most integer, out added integer, out is_done boolean)
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  set jit = off
  as $$
#variable_conflict use_column
declare
  work posthorn.fan_outs;
  event record;
  page uuid[];
  receivers uuid[];
begin
  -- Nothing is added to a day that is dropped.
  perform pg_advisory_xact_lock_shared(1886352244, 0);
  select * into work from posthorn.fan_outs as f where f.event_id = fan_out.event_id for update;
  if not found then
    return;
  end if;
  select o.id, o.tenant, o.body, posthorn.type_and_above(o.event_type) as types
  into event
  from posthorn.outbox as o
  where o.id = fan_out.event_id;

  -- Each look-up returns as many endpoints as there is room for, however many subscriptions one has: fewer means that there are no more.
  page := array(
    select distinct next.endpoint_id
    from unnest(event.types) as t (event_type)
    cross join lateral (
      (
        select distinct s.endpoint_id
        from posthorn.subscriptions as s
        where event.tenant <> '*'
          and s.tenant = event.tenant
          and s.event_type = t.event_type
          and s.endpoint_id > work.walked_to
          and s.endpoint_id > '00000000-0000-0000-0000-000000000000'
        order by s.endpoint_id
        limit fan_out.most
      )
      union all
      (
        select distinct s.endpoint_id
        from posthorn.subscriptions as s
        where event.tenant = '*'
          and s.tenant >= ''
          and s.event_type = t.event_type
          and s.endpoint_id > work.walked_to
        order by s.endpoint_id
        limit fan_out.most
      )
    ) as next
    order by next.endpoint_id
    limit fan_out.most
  );

  receivers := array(
    with event_json as materialized (
      select
        case
          when exists (
            select
            from posthorn.subscriptions as s
            where s.endpoint_id = any (page) and s.event_type = any (event.types) and s.filter is not null
          )
          then posthorn.json_of(event.body)
        end as json
    )
    select p.endpoint_id
    from unnest(page) with ordinality as p (endpoint_id, place)
    cross join lateral (
      select
      from posthorn.endpoints as e
      where e.id = p.endpoint_id
        -- What it had for this event when it was disabled after that, it has to be sent later.
        and (e.status in ('active', 'paused') or (e.status = 'disabled' and e.status_since > work.published_at))
      offset 0
    ) as e
    cross join lateral (
      select
      from posthorn.subscriptions as s
      where s.endpoint_id = p.endpoint_id
        and s.event_type = any (event.types)
        -- A snapshot does not list the transaction that took it: what that did later can look visible.
        and case
          when s.created_at < work.published_at - interval '1 day' then true
          when greatest(s.created_in, work.published_in) > pg_current_xact_id() then s.created_at <= work.published_at
          when s.created_in = work.published_in then s.created_at <= work.published_at
          else pg_visible_in_snapshot(s.created_in, work.seen)
        end
        and case
          when s.ended_at is null then true
          when s.ended_at < work.published_at - interval '1 day' then false
          when greatest(s.ended_in, work.published_in) > pg_current_xact_id() then s.ended_at > work.published_at
          when s.ended_in = work.published_in then s.ended_at > work.published_at
          else not pg_visible_in_snapshot(s.ended_in, work.seen)
        end
        and (s.filter is null or (select json from event_json) @@ s.filter)
      limit 1
    ) as s
    order by p.place
  );

  added := case
    when cardinality(receivers) > 0 then
      posthorn.add_webhooks(array_fill(event.id, array[cardinality(receivers)]), receivers)
    else 0
  end;
  is_done := cardinality(page) < fan_out.most;
  if not is_done then
    update posthorn.fan_outs as f
    set walked_to = page[cardinality(page)], recipients = f.recipients + added, moved_at = clock_timestamp()
    where f.event_id = fan_out.event_id;
  else
    delete from posthorn.fan_outs as f where f.event_id = fan_out.event_id;
    insert into posthorn.unmatched_events (event_id)
    select event.id
    where event.id is not null
      and not exists (
        select
        from posthorn.queue as q
        where q.webhook_id between posthorn.first_webhook_id(event.id) and posthorn.last_webhook_id(event.id)
          and q.outbox_id = event.id
      )
      and not exists (
        select
        from posthorn.outcomes as f
        where f.webhook_id between posthorn.first_webhook_id(event.id) and posthorn.last_webhook_id(event.id)
          and f.outbox_id = event.id
      )
    on conflict do nothing;
  end if;
  -- Guarded as in outbox_to_queue().
  if added > 0 and pg_try_advisory_xact_lock(1886352244, -1) then
    perform pg_notify('posthorn_wake', '');
  end if;
end
$$;

comment on function posthorn.fan_out(uuid, integer) is 'Adds webhooks for the next recipients of an event to the queue. For the worker.';

revoke execute on function posthorn.fan_out(uuid, integer) from public;
