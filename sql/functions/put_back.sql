-- Puts webhooks back that have ended with one of these statuses before a time, and makes waiting ones due if "pending"
-- is among them. Returns for each what was done: queued, brought_forward; or why nothing was done: already_due,
-- delivering, waiting, endpoint_deleted, worn_out, payload_gone, unknown, or the status that it has.
--
-- A webhook that is put back stays the same webhook: its row moves from outcomes back to the queue, its attempts count
-- on, and its former outcome is kept in former_outcomes.
--
-- The due times follow the order of the ids, with the given spacing, from due_from on but never before now, because the
-- claim's window looks at webhooks that became due since the last look. A webhook of an ordered endpoint goes behind
-- those that already wait there; in front of them, it would overtake the one that is being sent.
create or replace function posthorn.put_back(
  webhook_ids uuid[],
  statuses posthorn.webhook_status[],
  ended_before timestamptz default 'infinity',
  replay_id uuid default null,
  priority smallint default null,
  due_from timestamptz default '-infinity',
  spacing interval default '0'
) returns table (webhook_id uuid, became text)
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
  -- Each id once, in order: rows are locked and become due in this order.
  ids constant uuid[] := array(select distinct id from unnest(put_back.webhook_ids) as id where id is not null order by id);
  queued uuid[];
  others uuid[];
  hurried_ids uuid[];
  released_lanes bigint[];
  brought_forward uuid[] := '{}';
  freed bigint[] := '{}';
begin
  -- No day is dropped until the end of the transaction: drop_partitions() first looks for unfinished webhooks.
  perform pg_advisory_xact_lock_shared(1886352244, -4);

  -- Rows are not joined: each id is looked up separately ("offset 0"), and the rows found are changed by an array of
  -- ids. As joins, n rows were compared with n ids.
  with able as materialized (
    select e.*, o.own_priority, o.origin, o.tenant_key, o.is_ordered
    from unnest(ids) as wanted (id)
    cross join lateral (
      select *
      from posthorn.outcomes
      where webhook_id = wanted.id
        and status = any (put_back.statuses)
        and finished_at <= put_back.ended_before
        -- The number of an attempt is a smallint.
        and attempts < 30000
      offset 0
      for update
    ) as e
    cross join lateral (
      select
        outbox.priority as own_priority,
        posthorn.origin_of(outbox.url) as origin,
        case when outbox.url is not null then posthorn.tenant_key(outbox.tenant) end as tenant_key,
        coalesce(p.ordered, false) as is_ordered
      from posthorn.outbox
      left join posthorn.endpoints as p on p.lane = e.lane
      where outbox.id = e.outbox_id
        and (outbox.url is not null or p.status <> 'deleted')
      offset 0
    ) as o
  ),
  taken as (
    delete from posthorn.outcomes
    where webhook_id = any (array(select webhook_id from able))
      -- This limits the search to the partitions of these days.
      and webhook_id between ids[1] and ids[cardinality(ids)]
  ),
  remembered as (
    insert into posthorn.former_outcomes
      (webhook_id, outbox_id, replay_id, lane, finished_at, status, attempts, last_status_code, reason)
    select
      a.webhook_id, a.outbox_id, put_back.replay_id, a.lane, a.finished_at, a.status, a.attempts, a.last_status_code,
      a.reason
    from able as a
  ),
  inserted as (
    insert into posthorn.queue
      (webhook_id, outbox_id, lane, origin, tenant_key, priority, due_at, attempts, past_attempts)
    select
      a.webhook_id,
      a.outbox_id,
      a.lane,
      a.origin,
      a.tenant_key,
      case
        when a.is_ordered then 1
        when put_back.priority is not null then put_back.priority
        else posthorn.priority_of(a.own_priority)
      end,
      greatest(
        clock_timestamp(),
        put_back.due_from + (row_number() over (order by a.webhook_id) - 1) * put_back.spacing),
      a.attempts,
      a.attempts
    from able as a
    returning webhook_id
  )
  select coalesce(array_agg(i.webhook_id), '{}') into queued from inserted as i;

  if 'pending' = any (put_back.statuses) then
    others := array(select id from unnest(ids) as id except select id from unnest(queued) as id order by id);
  end if;
  -- A second round for heads of ordered lanes that are no heads any more once the lock is held: the endpoint has
  -- stopped being ordered, and its head now has the time of its retry itself.
  for round in 1 .. 2 loop
    exit when coalesce(cardinality(others), 0) = 0;
    with early as materialized (
      select q.*
      from unnest(others) as o (id)
      cross join lateral (
        select webhook_id, due_at, attempts
        from posthorn.queue
        where webhook_id = o.id
          -- Not now(): another session may have put it back since this transaction began.
          and due_at > clock_timestamp()
          and (lease_until is null or lease_until < now())
        offset 0
        for update
      ) as q
    ),
    timed as materialized (
      select
        e.*,
        least(
          e.due_at,
          greatest(
            clock_timestamp(),
            put_back.due_from + (row_number() over (order by e.webhook_id) - 1) * put_back.spacing)) as brought_to
      from early as e
    ),
    listed as materialized (
      select
        array_agg(webhook_id order by webhook_id) as webhook_ids,
        array_agg(brought_to order by webhook_id) as times
      from timed
    ),
    hurried as (
      update posthorn.queue as q
      -- The place of an id in the array, by binary search.
      set due_at = (select times from listed)[width_bucket(q.webhook_id, (select webhook_ids from listed))]
      where q.webhook_id = any ((select webhook_ids from listed)::uuid[])
    ),
    -- An ordered lane keeps its first webhook in place, and waits as a whole.
    heads as materialized (
      select q.*, r.retry_at
      from unnest(others) as o (id)
      cross join lateral (
        select webhook_id, lane, due_at, attempts
        from posthorn.queue
        where webhook_id = o.id
          and (lease_until is null or lease_until < now())
        offset 0
      ) as q
      cross join lateral (
        select retry_at
        from posthorn.lane_rules
        where lane = q.lane and retry_of = q.webhook_id and retry_at > now()
        offset 0
      ) as r
    ),
    listed_heads as materialized (
      select array_agg(webhook_id order by webhook_id) as webhook_ids from heads
    ),
    released as (
      update posthorn.lane_rules
      set retry_at = null, retry_of = null
      where lane = any (array(select lane from heads))
        -- Checks, by binary search, that it is still the same webhook now that the lock is held.
        and retry_of = (select webhook_ids from listed_heads)[width_bucket(retry_of, (select webhook_ids from listed_heads))]
        and retry_at > now()
      returning lane
    ),
    released_heads as materialized (
      select * from heads where lane = any (array(select lane from released))
    ),
    remembered as (
      insert into posthorn.brought_forward (replay_id, webhook_id, due_at, retry_at, attempts, brought_to)
      select put_back.replay_id, webhook_id, max(due_at), max(retry_at), min(attempts), min(brought_to)
      from (
        select webhook_id, due_at, null::timestamptz as retry_at, attempts, brought_to from timed
        union all
        select webhook_id, null, retry_at, attempts, due_at from released_heads
      ) as changed
      where put_back.replay_id is not null
      group by webhook_id
    )
    select
      array(select webhook_id from timed union all select webhook_id from released_heads),
      array(select lane from released),
      array(select webhook_id from heads where lane <> all (array(select lane from released)) order by webhook_id)
    into hurried_ids, released_lanes, others;
    brought_forward := brought_forward || hurried_ids;
    freed := freed || released_lanes;
  end loop;

  -- Guarded as in outbox_to_queue().
  if cardinality(queued || brought_forward) > 0 and pg_try_advisory_xact_lock(1886352244, -1) then
    perform pg_notify('posthorn_wake', '');
  end if;
  perform pg_notify('posthorn_wake', 'rules:' || lane) from unnest(freed) as lane;

  return query
  select d.id, coalesce(d.became, why.became)
  from (
    select id, min(became) as became
    from (
      select id, null as became from unnest(ids) as id
      union all
      select id, 'queued' from unnest(queued) as id
      union all
      select id, 'brought_forward' from unnest(brought_forward) as id
    ) as each
    group by id
  ) as d
  left join lateral (
    select
      case
        when q.lease_until > now() then 'delivering'
        when q.due_at <= clock_timestamp() then 'already_due'
        when q.webhook_id is not null then 'waiting'
        when e.webhook_id is not null and o.id is null then 'payload_gone'
        when e.webhook_id is not null and o.url is null and coalesce(p.status, 'deleted') = 'deleted'
          then 'endpoint_deleted'
        when e.attempts >= 30000 then 'worn_out'
        when e.webhook_id is not null then e.status::text
        when posthorn.is_dropped(d.id) then 'payload_gone'
        else 'unknown'
      end as became
    from (select d.id) as wanted
    left join lateral (select * from posthorn.queue where webhook_id = wanted.id offset 0) as q on true
    left join lateral (select * from posthorn.outcomes where webhook_id = wanted.id offset 0) as e on true
    left join lateral (select id, url from posthorn.outbox where id = e.outbox_id offset 0) as o on true
    left join lateral (select status from posthorn.endpoints where lane = e.lane offset 0) as p on true
    where d.became is null
    offset 0
  ) as why on true;
end
$$;

comment on function posthorn.put_back(uuid[], posthorn.webhook_status[], timestamptz, uuid, smallint, timestamptz, interval) is 'Resends webhooks that have ended with one of these statuses. Returns what was done with each. For replays.';

revoke execute on function posthorn.put_back(uuid[], posthorn.webhook_status[], timestamptz, uuid, smallint, timestamptz, interval) from public;
