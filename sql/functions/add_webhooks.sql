-- Adds the webhooks of some events to some endpoints to the queue, unless they are there or have ended; the arrays belong
-- together, an element each. Returns how many it added. For all that adds webhooks after the producer's statement: a job
-- that fans out, an endpoint that catches up, and events that the trigger has missed.
--
-- due_from and spacing: the webhooks become due one after the other. Ordered endpoints get the times of the events, so
-- that what they have missed comes before what is new.
create or replace function posthorn.add_webhooks(
  event_ids uuid[],
  endpoint_ids uuid[],
  priority smallint default null,
  due_from timestamptz default null,
  spacing interval default '0'
) returns integer
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  as $$
#variable_conflict use_column
declare
  added uuid[];
  ended integer;
begin
  with wanted as materialized (
    select
      posthorn.webhook_id(w.event_id, w.endpoint_id) as webhook_id,
      w.event_id,
      e.lane,
      case
        when e.ordered then 1
        else coalesce(add_webhooks.priority, posthorn.priority_of(o.priority))
      end as priority,
      case when e.ordered then greatest(o.send_at, o.created_at) else o.send_at end as send_at,
      e.ordered,
      w.place
    from unnest(event_ids, endpoint_ids) with ordinality as w (event_id, endpoint_id, place)
    cross join lateral (select id, send_at, created_at, priority from posthorn.outbox where id = w.event_id offset 0) as o
    cross join lateral (select lane, ordered from posthorn.endpoints where id = w.endpoint_id offset 0) as e
  ),
  missing as materialized (
    select w.*, row_number() over (order by w.place) - 1 as turn
    from wanted as w
    where not exists (select from posthorn.queue as q where q.webhook_id = w.webhook_id)
      and not exists (select from posthorn.outcomes as f where f.webhook_id = w.webhook_id)
  ),
  inserted as (
    insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
    select
      m.webhook_id,
      m.event_id,
      m.lane,
      m.priority,
      case
        when m.ordered then m.send_at
        else greatest(m.send_at, clock_timestamp(), add_webhooks.due_from + m.turn * add_webhooks.spacing)
      end
    from missing as m
    order by m.place
    on conflict (webhook_id) do nothing
    returning webhook_id
  )
  select coalesce(array_agg(webhook_id), '{}') into added from inserted;
  -- A webhook can have ended since this statement began: its row was in the queue then, and the insert waited for its
  -- deletion. This statement sees how it ended.
  with over as (
    delete from posthorn.queue as q
    where q.webhook_id = any (added)
      and exists (select from posthorn.outcomes as f where f.webhook_id = q.webhook_id)
    returning q.webhook_id
  )
  select count(*) into ended from over;
  return cardinality(added) - ended;
end
$$;

revoke execute on function posthorn.add_webhooks(uuid[], uuid[], smallint, timestamptz, interval) from public;
