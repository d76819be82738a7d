-- Finds events that an endpoint has not received although it subscribes to them: of its tenant and of all tenants, in
-- the order of their ids, after one id and before another; at most "most", within "walk" events. "walked_to" is where to
-- continue; null at the end.
--
-- Not those of dropped days: of an event that is kept for another endpoint, it is not known any more who had received it.
--
-- by_present_subscriptions: a subscription that was made after the event counts as well. One that has ended never does.
create or replace function posthorn.missed_events(
  endpoint_id uuid,
  after uuid,
  before uuid,
  by_present_subscriptions boolean,
  walk integer,
  most integer
) returns table (event_ids uuid[], walked integer, walked_to uuid)
  language sql stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_bitmapscan = off
  set jit = off
  as $$
    with walked as materialized (
      select w.id, w.event_type, w.created_at
      from (
        (
          select o.id, o.event_type, o.created_at
          from posthorn.outbox as o
          where o.event_type is not null
            and o.tenant = (select e.tenant from posthorn.endpoints as e where e.id = missed_events.endpoint_id)
            and o.id > (select greatest(missed_events.after, posthorn.history_floor()))
            and o.id < missed_events.before
          order by o.id
          limit missed_events.walk
        )
        union all
        (
          select o.id, o.event_type, o.created_at
          from posthorn.outbox as o
          where o.event_type is not null
            and o.tenant = '*'
            and o.id > (select greatest(missed_events.after, posthorn.history_floor()))
            and o.id < missed_events.before
          order by o.id
          limit missed_events.walk
        )
      ) as w
      order by w.id
      limit missed_events.walk
    ),
    subscribed as materialized (
      select w.id, s.filters, s.is_filtered
      from walked as w
      cross join lateral (
        select array_agg(c.filter::text) as filters, bool_and(c.filter is not null) as is_filtered
        from posthorn.subscriptions as c
        where c.endpoint_id = missed_events.endpoint_id
          and c.ended_at is null
          and c.event_type = any (posthorn.type_and_above(w.event_type))
          and (missed_events.by_present_subscriptions or c.created_at <= w.created_at)
        having count(*) > 0
        offset 0
      ) as s
    ),
    missed as materialized (
      select s.id
      from subscribed as s
      where not exists (
          select from posthorn.queue as q where q.webhook_id = posthorn.webhook_id(s.id, missed_events.endpoint_id))
        and not exists (
          select from posthorn.outcomes as f where f.webhook_id = posthorn.webhook_id(s.id, missed_events.endpoint_id))
        and (
          not s.is_filtered
          or (
            select bool_or(b.json @@ f.filter::jsonpath)
            from (select posthorn.json_of(o.body) as json from posthorn.outbox as o where o.id = s.id offset 0) as b
            cross join unnest(s.filters) as f (filter)
          )
        )
      limit missed_events.most
    ),
    found as materialized (
      select coalesce(array_agg(id order by id), '{}') as ids from missed
    ),
    seen as materialized (
      select count(*)::integer as events, (select id from walked order by id desc limit 1) as last from walked
    )
    select
      f.ids,
      s.events,
      case
        when cardinality(f.ids) = missed_events.most then f.ids[missed_events.most]
        when s.events = missed_events.walk then s.last
      end
    from found as f
    cross join seen as s
  $$;

comment on function posthorn.missed_events(uuid, uuid, uuid, boolean, integer, integer) is 'Finds events that an endpoint has not received although it subscribes to them. For the worker.';

revoke execute on function posthorn.missed_events(uuid, uuid, uuid, boolean, integer, integer) from public;
