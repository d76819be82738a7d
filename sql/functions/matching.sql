-- Finds the webhooks that match, ordered by id, after a given one: at most "most", within "walk" rows. "walked_to" is
-- where to continue; null at the end. It finds those to a registered endpoint, or direct sends to some URLs without their
-- query; those of an event, of a type of events, or of a tenant. The lane and the bounds of an event only narrow the
-- search: each webhook is looked up, so that no webhook to another destination or of another event matches.
--
-- Failed and cancelled webhooks have their own index, delivered ones are searched among all that have ended, pending ones
-- in the queue. The settings keep each walk along an index, in its order: a bitmap or a sort would read everything for
-- every page.
create or replace function posthorn.matching(
  statuses posthorn.webhook_status[],
  endpoint_id uuid,
  urls text[],
  ids uuid[],
  after uuid,
  before uuid,
  ended_before timestamptz,
  walk integer,
  most integer,
  event_id uuid default null,
  event_type text default null,
  tenant text default null
) returns table (webhook_ids uuid[], walked_to uuid)
  language sql stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_bitmapscan = off
  set enable_sort = off
  set jit = off
  as $$
    with walked as materialized (
      -- Rows that ended at infinity do not match; they are only skipped.
      (
        select 1 as source, e.webhook_id, e.outbox_id, e.lane, e.finished_at
        from posthorn.outcomes as e
        where matching.ids is null
          and 'failed' = any (matching.statuses)
          and e.status = 'failed'
          and e.webhook_id > matching.after
          and e.webhook_id < matching.before
          and e.webhook_id >= coalesce(posthorn.first_webhook_id(matching.event_id), matching.after)
          and e.webhook_id <= coalesce(posthorn.last_webhook_id(matching.event_id), matching.before)
        order by e.webhook_id
        limit matching.walk
      )
      union all
      (
        select 2, e.webhook_id, e.outbox_id, e.lane, e.finished_at
        from posthorn.outcomes as e
        where matching.ids is null
          and 'cancelled' = any (matching.statuses)
          and e.status = 'cancelled'
          and e.webhook_id > matching.after
          and e.webhook_id < matching.before
          and e.webhook_id >= coalesce(posthorn.first_webhook_id(matching.event_id), matching.after)
          and e.webhook_id <= coalesce(posthorn.last_webhook_id(matching.event_id), matching.before)
        order by e.webhook_id
        limit matching.walk
      )
      union all
      (
        select 3, e.webhook_id, e.outbox_id, e.lane, case when e.status = 'delivered' then e.finished_at else 'infinity' end
        from posthorn.outcomes as e
        where matching.ids is null
          and 'delivered' = any (matching.statuses)
          and e.webhook_id > matching.after
          and e.webhook_id < matching.before
          and e.webhook_id >= coalesce(posthorn.first_webhook_id(matching.event_id), matching.after)
          and e.webhook_id <= coalesce(posthorn.last_webhook_id(matching.event_id), matching.before)
        order by e.webhook_id
        limit matching.walk
      )
      union all
      (
        select
          4, q.webhook_id, q.outbox_id, q.lane,
          case when q.lease_until > now() then 'infinity'::timestamptz else '-infinity' end
        from posthorn.queue as q
        where matching.ids is null
          and 'pending' = any (matching.statuses)
          and q.webhook_id > matching.after
          and q.webhook_id < matching.before
          and q.webhook_id >= coalesce(posthorn.first_webhook_id(matching.event_id), matching.after)
          and q.webhook_id <= coalesce(posthorn.last_webhook_id(matching.event_id), matching.before)
        order by q.webhook_id
        limit matching.walk
      )
      union all
      (
        select 5, e.webhook_id, e.outbox_id, e.lane, e.finished_at
        from unnest(matching.ids) as named (id)
        cross join lateral (
          select o.webhook_id, o.outbox_id, o.lane, o.finished_at
          from posthorn.outcomes as o
          where o.webhook_id = named.id
            and o.status = any (matching.statuses)
          offset 0
        ) as e
        where named.id > matching.after
          and named.id < matching.before
      )
      union all
      (
        select
          6, q.webhook_id, q.outbox_id, q.lane,
          case when q.lease_until > now() then 'infinity'::timestamptz else '-infinity' end
        from unnest(matching.ids) as named (id)
        cross join lateral (select * from posthorn.queue where webhook_id = named.id offset 0) as q
        where 'pending' = any (matching.statuses)
          and named.id > matching.after
          and named.id < matching.before
      )
    ),
    -- As text, because there is no min(uuid) before Postgres 18; the order is the same.
    horizon as materialized (
      select min(last)::uuid as id
      from (
        select max(webhook_id::text) as last
        from walked
        where source <= 4
        group by source
        having count(*) >= matching.walk
      ) as cut
    ),
    lanes as materialized (
      select
        case
          when matching.endpoint_id is not null then array[posthorn.lane_of(matching.endpoint_id)]
          when matching.urls is not null then array(select posthorn.lane_of(url) from unnest(matching.urls) as url)
        end as wanted
    ),
    candidates as materialized (
      select distinct w.webhook_id, w.outbox_id, w.lane
      from walked as w
      where ((select wanted from lanes) is null or w.lane = any ((select wanted from lanes)::bigint[]))
        and w.finished_at <= matching.ended_before
        and w.finished_at < 'infinity'
        and ((select id from horizon) is null or w.webhook_id <= (select id from horizon))
      order by w.webhook_id
    ),
    -- A CTE returns its rows in its own order and only as many as are needed: the outbox is read for a page, not for a
    -- walk.
    matches as materialized (
      select c.webhook_id
      from candidates as c
      where num_nonnulls(
          matching.endpoint_id, matching.urls, matching.event_id, matching.event_type, matching.tenant) = 0
        or coalesce(
          (
            select
              case
                when matching.endpoint_id is not null then
                  o.endpoint_id = matching.endpoint_id
                  or (o.event_type is not null and c.webhook_id = posthorn.webhook_id(o.id, matching.endpoint_id))
                when matching.urls is not null then
                  o.endpoint_id is null and o.event_type is null and split_part(o.url, '?', 1) = any (matching.urls)
                else true
              end
              -- A webhook that is no event's has no event_type.
              and (matching.event_id is null or (o.id = matching.event_id and o.event_type is not null))
              and (matching.event_type is null or o.event_type = matching.event_type)
              and (
                matching.tenant is null
                -- The same as in the view webhooks.
                or matching.tenant = coalesce(
                  nullif(case when o.event_type is null then o.tenant end, ''),
                  (select p.tenant from posthorn.endpoints as p where p.lane = c.lane and o.url is null),
                  o.tenant)
              )
            from posthorn.outbox as o
            where o.id = c.outbox_id
          ),
          false)
      limit matching.most
    ),
    found as (
      select coalesce(array_agg(webhook_id order by webhook_id), '{}') as ids
      from matches
    )
    select
      f.ids,
      case when cardinality(f.ids) = matching.most then f.ids[matching.most] else h.id end
    from found as f
    cross join horizon as h
  $$;

comment on function posthorn.matching(posthorn.webhook_status[], uuid, text[], uuid[], uuid, uuid, timestamptz, integer, integer, uuid, text, text) is 'Finds the webhooks that match a filter, a page at a time. For replays.';

revoke execute on function posthorn.matching(posthorn.webhook_status[], uuid, text[], uuid[], uuid, uuid, timestamptz, integer, integer, uuid, text, text) from public;
