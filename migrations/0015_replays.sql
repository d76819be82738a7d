-- Sending again: a webhook that has ended goes back into the queue, by itself or with many others.
--
-- It stays the same webhook: its row moves from outcomes back to queue, its attempts count on, and how it had ended is kept.
--
-- former_outcomes  how a webhook had ended before it was put back; inserted once
-- brought_forward  when a webhook that waited would have been due before a replay made it due; inserted once
-- replays          an order to put back many, and how far it has come

create table posthorn.former_outcomes (
  webhook_id uuid not null,
  outbox_id uuid not null,
  -- Null: it was put back by itself.
  replay_id uuid,
  lane bigint not null,
  finished_at timestamptz not null,
  replayed_at timestamptz not null default clock_timestamp(),
  status posthorn.webhook_status not null,
  attempts smallint not null,
  last_status_code smallint,
  reason text,
  constraint former_outcomes_pkey primary key (webhook_id, replayed_at)
);

create index former_outcomes_for_replay on posthorn.former_outcomes (replay_id, webhook_id) where replay_id is not null;

create table posthorn.brought_forward (
  replay_id uuid not null,
  webhook_id uuid not null,
  -- As it was: when it was due, and until when its ordered lane waited; null where the replay did not change it.
  due_at timestamptz,
  retry_at timestamptz,
  -- As it is since then. If it is not so any more, somebody has tried or changed it.
  attempts smallint not null,
  brought_to timestamptz not null,
  constraint brought_forward_pkey primary key (webhook_id, replay_id)
);

create index brought_forward_for_replay on posthorn.brought_forward (replay_id, webhook_id);

-- Attempts before it was put back: they do not count for the retry schedule. There was room for it in the row's padding.
alter table posthorn.queue add column past_attempts smallint not null default 0;

create type posthorn.replay_status as enum ('running', 'finished', 'cancelling', 'cancelled');

create table posthorn.replays (
  id uuid not null default posthorn.uuid_v7(),
  status posthorn.replay_status not null default 'running',
  -- Which webhooks: of these statuses, and of the endpoint, period and ids if they are given.
  statuses posthorn.webhook_status[] not null default '{failed}',
  endpoint_id uuid,
  url text,
  -- The same URL as the API and the CLI store it, if that is another. They fill it in; SQL cannot.
  normalised_url text,
  from_at timestamptz,
  until_at timestamptz,
  ids uuid[],
  -- As in the queue: 0 high, 1 normal, 2 low. Null: each webhook's own.
  priority smallint default 2,
  rate_limit_per_s double precision,
  -- Counted at the start; there may have been more if counting took too long.
  matched bigint not null default 0,
  is_at_least boolean not null default true,
  replayed bigint not null default 0,
  -- How many were not put back, by reason.
  skipped jsonb not null default '{}',
  taken_back bigint not null default 0,
  -- The last webhook that was looked at. Moved in the transaction that puts webhooks back, so each is put back once.
  walked_to uuid not null default '00000000-0000-0000-0000-000000000000',
  -- The same of taking back, once it is cancelled.
  taken_back_to uuid not null default '00000000-0000-0000-0000-000000000000',
  is_walked boolean not null default false,
  -- What has been put back keeps to the rate until then.
  paced_until timestamptz,
  created_at timestamptz not null default now(),
  -- When a worker last did something for it.
  moved_at timestamptz not null default '-infinity',
  finished_at timestamptz,
  constraint replays_pkey primary key (id),
  constraint replays_statuses_are_some check (
    cardinality(statuses) > 0
    and statuses <@ array['failed', 'cancelled', 'delivered', 'pending']::posthorn.webhook_status[]),
  constraint replays_are_bounded check (num_nonnulls(endpoint_id, url, from_at, ids) > 0),
  constraint replays_go_to_one_endpoint check (num_nonnulls(endpoint_id, url) < 2),
  constraint replays_url_is_without_query check (url !~ '[?#]' and octet_length(url) <= 2048),
  constraint replays_normalised_url_is_without_query check (
    url is not null and normalised_url !~ '[?#]' and octet_length(normalised_url) <= 2048 or normalised_url is null),
  constraint replays_ids_are_1_to_1000 check (cardinality(ids) between 1 and 1000 and array_position(ids, null) is null),
  constraint replays_priority_is_0_to_2 check (priority between 0 and 2),
  constraint replays_rate_limit_per_s_is_0_1_to_10000 check (rate_limit_per_s between 0.1 and 10000)
) with (fillfactor = 50);

create index replays_for_work on posthorn.replays (id) where status in ('running', 'cancelling');

-- The webhooks that match, in the order of their ids, after one of them: at most so many, and as far as the walk goes. Those to
-- a registered endpoint; or those to one of some URLs without their query, and to no registered endpoint. Their lane only
-- narrows the search down: what they go to is looked up, so that nobody's webhook is taken for another's.
-- "walked_to" is where to go on; null at the end. Failed and cancelled ones have an index of their own, delivered ones are
-- looked for among all that have ended, pending ones in the queue. The settings keep each walk along an index, in its order: a bitmap
-- or a sort would read all that there is for every page.
create function posthorn.matching(
  statuses posthorn.webhook_status[],
  endpoint_id uuid,
  urls text[],
  ids uuid[],
  after uuid,
  before uuid,
  ended_before timestamptz,
  walk integer,
  most integer
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
      -- What ended at infinity does not match; it is only walked past.
      (
        select 1 as source, e.webhook_id, e.outbox_id, e.lane, e.finished_at
        from posthorn.outcomes as e
        where matching.ids is null
          and 'failed' = any (matching.statuses)
          and e.status = 'failed'
          and e.webhook_id > matching.after
          and e.webhook_id < matching.before
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
    -- As text, as there is no min(uuid) before Postgres 18; the order is the same.
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
      select distinct w.webhook_id, w.outbox_id
      from walked as w
      where ((select wanted from lanes) is null or w.lane = any ((select wanted from lanes)::bigint[]))
        and w.finished_at <= matching.ended_before
        and w.finished_at < 'infinity'
        and ((select id from horizon) is null or w.webhook_id <= (select id from horizon))
      order by w.webhook_id
    ),
    -- A CTE gives its rows in its own order, and no more than are asked for: the outbox is read for a page, not for a walk.
    matches as materialized (
      select c.webhook_id
      from candidates as c
      where (select wanted from lanes) is null
        or coalesce(
          (
            select
              case
                when matching.endpoint_id is not null then o.endpoint_id = matching.endpoint_id
                else o.endpoint_id is null and split_part(o.url, '?', 1) = any (matching.urls)
              end
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

-- Puts webhooks back that have ended in one of these ways before a time, and makes those that wait due, if "pending" is
-- among them. Says of each what became of it: queued, brought_forward; or why nothing was done: already_due, delivering,
-- waiting, endpoint_deleted, worn_out, payload_gone, unknown, or the status that it has.
--
-- In the order of the ids, one after the other by the spacing from due_from on, but none before now: a window of the claim
-- looks at what is due since the last look. A webhook of an ordered endpoint goes behind what waits there already; put before it, it
-- would pass what is being sent.
create function posthorn.put_back(
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
  -- Each once, in order: so rows are locked, and one after the other they become due.
  ids constant uuid[] := array(select distinct id from unnest(put_back.webhook_ids) as id where id is not null order by id);
  queued uuid[];
  others uuid[];
  hurried_ids uuid[];
  released_lanes bigint[];
  brought_forward uuid[] := '{}';
  freed bigint[] := '{}';
begin
  -- Until the end of the transaction no day is dropped: drop_partitions() looks for unfinished webhooks first.
  perform pg_advisory_xact_lock_shared(1886352244, -4);

  -- No row is joined with another's: each id is looked up by itself ("offset 0"), and what was found is changed by an array
  -- of ids. As joins, n rows were compared with n ids.
  with able as materialized (
    select e.*, o.own_priority, o.is_ordered
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
      select outbox.priority as own_priority, coalesce(p.ordered, false) as is_ordered
      from posthorn.outbox
      left join posthorn.endpoints as p on p.id = outbox.endpoint_id
      where outbox.id = e.outbox_id
        and (outbox.endpoint_id is null or p.status <> 'deleted')
      offset 0
    ) as o
  ),
  taken as (
    delete from posthorn.outcomes
    where webhook_id = any (array(select webhook_id from able))
      -- So that only the partitions of these days are looked into.
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
    insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at, attempts, past_attempts)
    select
      a.webhook_id,
      a.outbox_id,
      a.lane,
      case
        when a.is_ordered then 1
        when put_back.priority is not null then put_back.priority
        when a.own_priority = 'high' then 0
        when a.own_priority = 'normal' then 1
        else 2
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
  -- Once more for heads of ordered lanes that were no heads any more when the lock was there: the endpoint has stopped being
  -- ordered, and its head has the time of its retry itself now.
  for round in 1 .. 2 loop
    exit when coalesce(cardinality(others), 0) = 0;
    with early as materialized (
      select q.*
      from unnest(others) as o (id)
      cross join lateral (
        select webhook_id, due_at, attempts
        from posthorn.queue
        where webhook_id = o.id
          -- Not now(): somebody else may have put it back since this transaction began.
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
    -- An ordered lane keeps the place of its first one, and waits as a whole.
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
        -- Still the same one when the lock is there, by binary search.
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
        when e.webhook_id is not null and o.endpoint_id is not null and coalesce(p.status, 'deleted') = 'deleted'
          then 'endpoint_deleted'
        when e.attempts >= 30000 then 'worn_out'
        when e.webhook_id is not null then e.status::text
        when posthorn.is_dropped(d.id) then 'payload_gone'
        else 'unknown'
      end as became
    from (select d.id) as wanted
    left join lateral (select * from posthorn.queue where webhook_id = wanted.id offset 0) as q on true
    left join lateral (select * from posthorn.outcomes where webhook_id = wanted.id offset 0) as e on true
    left join lateral (select id, endpoint_id from posthorn.outbox where id = e.outbox_id offset 0) as o on true
    left join lateral (select status from posthorn.endpoints where id = o.endpoint_id offset 0) as p on true
    where d.became is null
    offset 0
  ) as why on true;
end
$$;

-- Whether a webhook with this id would have been dropped with the history of its day. One that was unfinished then is still there.
create function posthorn.is_dropped(webhook_id uuid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select coalesce(
      get_byte(uuid_send(is_dropped.webhook_id), 6) >> 4 = 7
        and is_dropped.webhook_id < (select posthorn.history_floor())
        and not exists (select from posthorn.queue as q where q.webhook_id = is_dropped.webhook_id)
        and not exists (select from posthorn.outcomes as e where e.webhook_id = is_dropped.webhook_id),
      false)
  $$;

-- Takes back what a replay has put back or made due and nobody has tried since: each is again as it was. Looks at so many
-- after one of them; "walked_to" is where to go on, null at the end.
create function posthorn.take_back(
  replay_id uuid,
  after uuid,
  most integer,
  out taken_back integer,
  out walked_to uuid
)
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
  looked_at uuid[];
  postponed integer;
  held bigint[];
begin
  perform pg_advisory_xact_lock_shared(1886352244, -4);
  looked_at := array(
    select webhook_id
    from (
      (
        select f.webhook_id
        from posthorn.former_outcomes as f
        where f.replay_id = take_back.replay_id
          and f.webhook_id > take_back.after
        order by f.webhook_id
        limit most
      )
      union all
      (
        select b.webhook_id
        from posthorn.brought_forward as b
        where b.replay_id = take_back.replay_id
          and b.webhook_id > take_back.after
        order by b.webhook_id
        limit most
      )
    ) as either
    order by webhook_id
    limit most);
  -- All of them in one order, which is that of put_back() and cancel_many().
  perform
  from unnest(looked_at) as wanted (id)
  cross join lateral (select from posthorn.queue where webhook_id = wanted.id offset 0 for update) as q;

  with untried as materialized (
    select f.*
    from unnest(looked_at) as wanted (id)
    cross join lateral (
      select
      from posthorn.queue
      where webhook_id = wanted.id
        and attempts = past_attempts
        and (lease_until is null or lease_until < now())
      offset 0
    ) as q
    -- Somebody else may have put it back again since.
    cross join lateral (
      select *
      from posthorn.former_outcomes
      where webhook_id = wanted.id
      order by replayed_at desc
      limit 1
    ) as f
    where f.replay_id = take_back.replay_id
  ),
  unqueued as (
    delete from posthorn.queue
    where webhook_id = any (array(select webhook_id from untried))
  ),
  forgotten as (
    delete from posthorn.former_outcomes as f
    where f.webhook_id = any (array(select webhook_id from untried))
      and f.replay_id = take_back.replay_id
  ),
  restored as (
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, finished_at, status, attempts, last_status_code, reason)
    select webhook_id, outbox_id, lane, finished_at, status, attempts, last_status_code, reason
    from untried
    returning 1
  )
  select count(*) into taken_back from restored;

  with unchanged as materialized (
    select b.*, q.lane
    from unnest(looked_at) as wanted (id)
    cross join lateral (
      select *
      from posthorn.brought_forward
      where replay_id = take_back.replay_id
        and webhook_id = wanted.id
      offset 0
    ) as b
    cross join lateral (
      select lane
      from posthorn.queue
      where webhook_id = wanted.id
        and attempts = b.attempts
        and due_at = b.brought_to
        and (lease_until is null or lease_until < now())
      offset 0
    ) as q
  ),
  listed as materialized (
    select
      array_agg(webhook_id order by webhook_id) as webhook_ids,
      array_agg(coalesce(due_at, brought_to) order by webhook_id) as times
    from unchanged
  ),
  lanes as materialized (
    select
      array_agg(lane order by lane) as lanes,
      array_agg(retry_at order by lane) as times,
      array_agg(webhook_id order by lane) as webhook_ids
    from (
      select lane, max(retry_at) as retry_at, (array_agg(webhook_id order by retry_at desc))[1] as webhook_id
      from unchanged
      where retry_at > now()
      group by lane
    ) as each
  ),
  delayed as (
    update posthorn.queue as q
    set due_at = (select times from listed)[width_bucket(q.webhook_id, (select webhook_ids from listed))]
    where q.webhook_id = any ((select webhook_ids from listed)::uuid[])
    returning 1
  ),
  waiting as (
    update posthorn.lane_rules as r
    set
      retry_at = (select times from lanes)[width_bucket(r.lane, (select lanes from lanes))],
      retry_of = (select webhook_ids from lanes)[width_bucket(r.lane, (select lanes from lanes))]
    where r.lane = any ((select lanes from lanes)::bigint[])
      and r.is_ordered
      and r.retry_at is null
    returning r.lane
  ),
  forgotten as (
    delete from posthorn.brought_forward as b
    where b.replay_id = take_back.replay_id
      and b.webhook_id = any ((select webhook_ids from listed)::uuid[])
  )
  select (select count(*) from delayed), (select array_agg(lane) from waiting)
  into postponed, held;
  perform pg_notify('posthorn_wake', 'rules:' || lane) from unnest(held) as lane;

  taken_back := taken_back + postponed;
  walked_to := case when cardinality(looked_at) = most then looked_at[most] end;
end
$$;

-- Sends a webhook again that has failed or was cancelled, or now if it waits; one that was delivered only if forced to.
-- Says "queued" or "brought_forward", or why nothing was done: see put_back().
create function posthorn.retry(webhook_id uuid, force boolean default false) returns text
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select became
    from posthorn.put_back(
      array[retry.webhook_id],
      case when retry.force then '{failed,cancelled,pending,delivered}' else '{failed,cancelled,pending}' end
        ::posthorn.webhook_status[])
  $$;

-- The same with many, such as array(select id from posthorn.webhooks where ...). Says how many are sent again, or now.
create function posthorn.retry_many(webhook_ids uuid[], force boolean default false) returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select count(*)
    from posthorn.put_back(
      retry_many.webhook_ids,
      case when retry_many.force then '{failed,cancelled,pending,delivered}' else '{failed,cancelled,pending}' end
        ::posthorn.webhook_status[])
    where became in ('queued', 'brought_forward')
  $$;

-- As posthorn.cancel() in 0006, with many; says how many.
--
-- The rows are locked by a statement of their own. What the other one reads is from after that: who had one of them locked may
-- have let its ordered lane wait for it, as take_back() does, and the lane would wait for what was cancelled.
create function posthorn.cancel_many(webhook_ids uuid[]) returns bigint
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  as $$
#variable_conflict use_column
declare
  locked constant uuid[] := array(
    select q.webhook_id
    from (select distinct id from unnest(cancel_many.webhook_ids) as id order by id) as wanted
    cross join lateral (
      select webhook_id
      from posthorn.queue
      where webhook_id = wanted.id
        and (lease_until is null or lease_until < now())
      offset 0
      for update
    ) as q);
  cancelled bigint;
begin
  with waiting as materialized (
    select q.*
    from unnest(locked) as wanted (id)
    cross join lateral (
      select webhook_id, outbox_id, lane, attempts, past_attempts
      from posthorn.queue
      where webhook_id = wanted.id
      offset 0
    ) as q
  ), ended as (
    delete from posthorn.queue
    where webhook_id = any (array(select webhook_id from waiting))
  ), recorded as (
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason)
    select w.webhook_id, w.outbox_id, w.lane, 'cancelled', w.attempts, 'cancelled'
    from waiting as w
    returning 1
  ), closed as (
    -- Of a lease that ran out. Nobody looks after it when its worker dies; if that lives, its result takes the place of this one.
    update posthorn.attempts as a
    set
      finished_at = clock_timestamp(),
      error = 'abandoned',
      error_message = 'The webhook was cancelled after the lease had run out'
    where a.webhook_id = any (array(select webhook_id from waiting where attempts > 0))
      and a.finished_at is null
  ), heads as materialized (
    select w.webhook_id, r.lane
    from waiting as w
    cross join lateral (
      select lane from posthorn.lane_rules where lane = w.lane and retry_of = w.webhook_id offset 0
    ) as r
  ), listed_heads as materialized (
    select array_agg(webhook_id order by webhook_id) as webhook_ids from heads
  ), freed as (
    update posthorn.lane_rules as r
    set retry_at = null, retry_of = null
    where r.lane = any (array(select rule.lane from heads as rule))
      -- Still the same one when the lock is there, by binary search.
      and r.retry_of = (select webhook_ids from listed_heads)[width_bucket(r.retry_of, (select webhook_ids from listed_heads))]
    returning r.lane
  )
  select count(*)
  into cancelled
  from recorded
  where coalesce((select bool_and(pg_notify('posthorn_wake', 'rules:' || lane) is not null) from freed), true);
  return cancelled;
end
$$;

create or replace function posthorn.cancel(webhook_id uuid) returns boolean
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$ select posthorn.cancel_many(array[cancel.webhook_id]) = 1 $$;

-- Drops a day of history; says whether it did. The unfinished webhooks of the day stay: they, their attempts and their rows of
-- the queue are all there is of them, and the first two move to the default partitions. That is done while everybody is
-- locked out, so a day that has too much of it stays as it is: more than 10,000 webhooks, or 64 MB of bodies and answers.
--
-- Whoever claims, records, cancels or retries has a lock of the parents until the end of its transaction, or waits for one
-- before it looks at a row: it finds a webhook before the move or after it, and never half of it.
create or replace function posthorn.drop_partitions(day date) returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  as $$
declare
  most_kept constant integer := 10000;
  most_bytes constant integer := 64 * 1048576;
  suffix constant text := to_char(day, '_YYYYMMDD');
  lower_bound constant uuid := posthorn.uuid_floor(day::timestamp at time zone 'UTC');
  upper_bound constant uuid := posthorn.uuid_floor((day + 1)::timestamp at time zone 'UTC');
  parents constant text[] := array['attempts', 'outcomes', 'outbox'];
  parent text;
  kept uuid[];
  bytes bigint;
begin
  perform pg_advisory_xact_lock(1886352244, 0);
  -- put_back() and take_back() share it: nothing of the day comes into the queue or leaves it by them.
  perform pg_advisory_xact_lock(1886352244, -4);
  -- Looked for before any table is locked. The last one reads the whole queue.
  kept := array(
    select webhook_id from posthorn.queue where webhook_id >= lower_bound and webhook_id < upper_bound limit most_kept + 1);
  if cardinality(kept) > most_kept
    or exists (
      select
      from posthorn.queue
      where outbox_id >= lower_bound
        and outbox_id < upper_bound
        and (webhook_id < lower_bound or webhook_id >= upper_bound)
    )
  then
    return false;
  end if;
  select
    coalesce((select sum(pg_column_size(o.body)) from posthorn.outbox as o where o.id = any (kept)), 0)
      + coalesce((select sum(pg_column_size(a.response_body)) from posthorn.attempts as a where a.webhook_id = any (kept)), 0)
  into bytes;
  if bytes > most_bytes then
    return false;
  end if;
  -- DROP locks the parent after the partition, a claim the other way round. With the parents first nobody deadlocks.
  lock table only posthorn.outbox, only posthorn.attempts, only posthorn.outcomes in access exclusive mode;
  kept := array(
    select webhook_id from posthorn.queue where webhook_id >= lower_bound and webhook_id < upper_bound limit most_kept + 1);
  -- More came: it is today.
  if cardinality(kept) > most_kept then
    return false;
  end if;
  foreach parent in array parents loop
    continue when to_regclass(format('posthorn.%I', parent || suffix)) is null;
    if cardinality(kept) > 0 then
      -- Only then does the default partition take rows of the day.
      execute format('alter table posthorn.%I detach partition posthorn.%I', parent, parent || suffix);
      execute format('insert into posthorn.%I select * from posthorn.%I where %I = any ($1)',
        parent || '_default', parent || suffix, case parent when 'outbox' then 'id' else 'webhook_id' end)
      using kept;
    end if;
    execute format('drop table posthorn.%I', parent || suffix);
  end loop;
  -- Rows of today and of the days beside it may still come.
  if day < (now() at time zone 'UTC')::date - 1 then
    update posthorn.history set whole_from = day + 1 where whole_from <= day;
  end if;
  return true;
end
$$;

revoke execute on function
  posthorn.matching(posthorn.webhook_status[], uuid, text[], uuid[], uuid, uuid, timestamptz, integer, integer),
  posthorn.put_back(uuid[], posthorn.webhook_status[], timestamptz, uuid, smallint, timestamptz, interval),
  posthorn.take_back(uuid, uuid, integer),
  posthorn.is_dropped(uuid),
  posthorn.retry(uuid, boolean),
  posthorn.retry_many(uuid[], boolean),
  posthorn.cancel_many(uuid[])
from public;

comment on table posthorn.former_outcomes is 'How webhooks had ended before they were put back: a row per time.';
comment on table posthorn.brought_forward is 'When webhooks that waited would have been due before a replay made them due.';
comment on table posthorn.replays is 'Orders to send many webhooks again, and how far each has come.';
comment on function posthorn.retry is 'Sends a webhook again that has ended, or now if it waits; says what became of it.';
comment on function posthorn.retry_many is 'Sends webhooks again that have ended, or now if they wait; says how many.';
comment on function posthorn.cancel_many is 'Cancels webhooks that wait for their first or next attempt; says how many.';
