-- The ordered endpoints that receive some events of this transaction. They are found by their own index, however many
-- other endpoints receive the events: an ordered endpoint must get its webhooks in the producer's transaction, because a
-- job would add them after those of later events.
create or replace function posthorn.ordered_recipients(event_ids uuid[]) returns table (event_id uuid, endpoint_id uuid)
  language sql stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  as $$
    with events as materialized (
      select o.id, o.tenant, t.types,
        case
          when exists (
            select
            from posthorn.subscriptions as s
            where s.event_type = any (t.types)
              and s.is_live
              and s.is_ordered
              and (o.tenant = '*' or s.tenant = o.tenant)
              and s.filter is not null
          )
          then posthorn.json_of(o.body)
        end as json
      from posthorn.outbox as o
      cross join lateral (select posthorn.type_and_above(o.event_type) as types offset 0) as t
      where o.id = any (event_ids)
    )
    select distinct e.id, s.endpoint_id
    from events as e
    cross join lateral (
      select c.endpoint_id
      from posthorn.subscriptions as c
      where c.event_type = any (e.types)
        and c.is_live
        and c.is_ordered
        and (e.tenant = '*' or c.tenant = e.tenant)
        and (c.filter is null or e.json @@ c.filter)
      offset 0
    ) as s
  $$;

revoke execute on function posthorn.ordered_recipients(uuid[]) from public;
