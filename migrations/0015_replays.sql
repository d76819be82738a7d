-- Sending again: a webhook that has ended goes back into the queue, by itself or with many others.
--
-- It stays the same webhook: its row moves from outcomes back to queue, its attempts count on, and how it had ended is kept.
--
-- former_outcomes  how a webhook had ended before it was put back; inserted once
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
  lane bigint generated always as (
    case when endpoint_id is null then posthorn.lane_of(url) else posthorn.lane_of(endpoint_id) end) stored,
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
  constraint replays_ids_are_1_to_1000 check (cardinality(ids) between 1 and 1000 and array_position(ids, null) is null),
  constraint replays_priority_is_0_to_2 check (priority between 0 and 2),
  constraint replays_rate_limit_per_s_is_0_1_to_10000 check (rate_limit_per_s between 0.1 and 10000)
) with (fillfactor = 50);

create index replays_for_work on posthorn.replays (id) where status in ('running', 'cancelling');

-- The webhooks that match, in the order of their ids, after one of them: at most so many, and as far as the walk goes.
-- "walked_to" is where to go on; null at the end. Failed and cancelled ones have an index of their own, delivered ones are
-- looked for among all that have ended, pending ones in the queue. The settings keep each walk along an index, in its order: a bitmap
-- or a sort would read all that there is for every page.
create function posthorn.matching(
  statuses posthorn.webhook_status[],
  lane bigint,
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
        select 1 as source, e.webhook_id, e.lane, e.finished_at
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
        select 2, e.webhook_id, e.lane, e.finished_at
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
        select 3, e.webhook_id, e.lane, case when e.status = 'delivered' then e.finished_at else 'infinity' end
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
        select 4, q.webhook_id, q.lane, case when q.lease_until > now() then 'infinity'::timestamptz else '-infinity' end
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
        select 5, e.webhook_id, e.lane, e.finished_at
        from unnest(matching.ids) as named (id)
        cross join lateral (
          select o.webhook_id, o.lane, o.finished_at
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
        select 6, q.webhook_id, q.lane, case when q.lease_until > now() then 'infinity'::timestamptz else '-infinity' end
        from unnest(matching.ids) as named (id)
        join posthorn.queue as q on q.webhook_id = named.id
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
    matches as materialized (
      select distinct w.webhook_id
      from walked as w
      cross join horizon as h
      where (matching.lane is null or w.lane = matching.lane)
        and w.finished_at <= matching.ended_before
        and w.finished_at < 'infinity'
        and (h.id is null or w.webhook_id <= h.id)
      order by w.webhook_id
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
  queued uuid[];
  brought_forward uuid[];
  freed bigint[];
begin
  -- Until the end of the transaction no day is dropped: drop_partitions() looks for unfinished webhooks first.
  perform pg_advisory_xact_lock_shared(1886352244, -4);

  with able as materialized (
    select e.webhook_id, o.priority as own_priority, coalesce(p.ordered, false) as is_ordered
    from unnest(put_back.webhook_ids) as wanted (id)
    join posthorn.outcomes as e on e.webhook_id = wanted.id
    join posthorn.outbox as o on o.id = e.outbox_id
    left join posthorn.endpoints as p on p.id = o.endpoint_id
    where e.status = any (put_back.statuses)
      and e.finished_at <= put_back.ended_before
      -- The number of an attempt is a smallint.
      and e.attempts < 30000
      and (o.endpoint_id is null or p.status <> 'deleted')
    order by e.webhook_id
    for update of e
  ),
  taken as (
    delete from posthorn.outcomes as e
    using able as a
    where e.webhook_id = any (put_back.webhook_ids)
      and e.webhook_id = a.webhook_id
    returning e.*, a.own_priority, a.is_ordered
  ),
  remembered as (
    insert into posthorn.former_outcomes
      (webhook_id, outbox_id, replay_id, lane, finished_at, status, attempts, last_status_code, reason)
    select
      t.webhook_id, t.outbox_id, put_back.replay_id, t.lane, t.finished_at, t.status, t.attempts, t.last_status_code,
      t.reason
    from taken as t
  ),
  inserted as (
    insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at, attempts, past_attempts)
    select
      t.webhook_id,
      t.outbox_id,
      t.lane,
      case
        when t.is_ordered then 1
        when put_back.priority is not null then put_back.priority
        when t.own_priority = 'high' then 0
        when t.own_priority = 'normal' then 1
        else 2
      end,
      greatest(
        clock_timestamp(),
        put_back.due_from + (row_number() over (order by t.webhook_id) - 1) * put_back.spacing),
      t.attempts,
      t.attempts
    from taken as t
    returning webhook_id
  )
  select coalesce(array_agg(i.webhook_id), '{}') into queued from inserted as i;

  if 'pending' = any (put_back.statuses) then
    with able as materialized (
      select q.webhook_id, row_number() over (order by q.webhook_id) - 1 as nth
      from (
        select q.webhook_id
        from posthorn.queue as q
        where q.webhook_id = any (put_back.webhook_ids)
          -- Not now(): somebody else may have put it back since this transaction began.
          and q.due_at > clock_timestamp()
          and (q.lease_until is null or q.lease_until < now())
        order by q.webhook_id
        for update
      ) as q
      where q.webhook_id <> all (queued)
    ),
    hurried as (
      update posthorn.queue as q
      set due_at = least(q.due_at, greatest(clock_timestamp(), put_back.due_from + a.nth * put_back.spacing))
      from able as a
      where q.webhook_id = any (put_back.webhook_ids)
        and q.webhook_id = a.webhook_id
      returning q.webhook_id
    ),
    -- An ordered lane keeps the place of its first one, and waits as a whole.
    released as (
      update posthorn.lane_rules as r
      set retry_at = null
      from posthorn.queue as q
      where q.webhook_id = any (put_back.webhook_ids)
        and r.lane = q.lane
        and r.retry_at > now()
        and q.attempts > q.past_attempts
        and (q.lease_until is null or q.lease_until < now())
      returning q.webhook_id, r.lane
    )
    select
      coalesce((select array_agg(h.webhook_id) from hurried as h), '{}')
        || coalesce((select array_agg(r.webhook_id) from released as r), '{}'),
      (select array_agg(distinct r.lane) from released as r)
    into brought_forward, freed;
  end if;

  -- Guarded as in outbox_to_queue().
  if cardinality(queued || coalesce(brought_forward, '{}')) > 0 and pg_try_advisory_xact_lock(1886352244, -1) then
    perform pg_notify('posthorn_wake', '');
  end if;
  perform pg_notify('posthorn_wake', 'rules:' || lane) from unnest(freed) as lane;

  return query
  select
    wanted.id,
    case
      when wanted.id = any (queued) then 'queued'
      when wanted.id = any (brought_forward) then 'brought_forward'
      when q.lease_until > now() then 'delivering'
      when q.due_at <= clock_timestamp() then 'already_due'
      when q.webhook_id is not null then 'waiting'
      when e.webhook_id is not null and o.id is null then 'payload_gone'
      when e.webhook_id is not null and o.endpoint_id is not null and coalesce(p.status, 'deleted') = 'deleted'
        then 'endpoint_deleted'
      when e.attempts >= 30000 then 'worn_out'
      when e.webhook_id is not null then e.status::text
      when posthorn.is_dropped(wanted.id) then 'payload_gone'
      else 'unknown'
    end
  from unnest(put_back.webhook_ids) as wanted (id)
  left join posthorn.queue as q on q.webhook_id = wanted.id
  left join posthorn.outcomes as e on e.webhook_id = wanted.id
  left join posthorn.outbox as o on o.id = e.outbox_id
  left join posthorn.endpoints as p on p.id = o.endpoint_id;
end
$$;

-- Whether a webhook with this id would have been dropped with the history of its day.
create function posthorn.is_dropped(webhook_id uuid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select coalesce(
      get_byte(uuid_send(is_dropped.webhook_id), 6) >> 4 = 7
        and is_dropped.webhook_id < (select posthorn.uuid_floor(min(day)::timestamp at time zone 'UTC')
          from posthorn.partition_days() as day),
      false)
  $$;

-- Takes back what a replay has put back and nobody has tried since: each is again as it was. Looks at so many after one of
-- them; "walked_to" is where to go on, null at the end.
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
begin
  perform pg_advisory_xact_lock_shared(1886352244, -4);
  looked_at := array(
    select f.webhook_id
    from posthorn.former_outcomes as f
    where f.replay_id = take_back.replay_id
      and f.webhook_id > take_back.after
    order by f.webhook_id
    limit most);
  with untried as materialized (
    select q.webhook_id
    from posthorn.queue as q
    where q.webhook_id = any (looked_at)
      and q.attempts = q.past_attempts
      and (q.lease_until is null or q.lease_until < now())
      -- Somebody else may have put it back again since.
      and take_back.replay_id = (
        select f.replay_id
        from posthorn.former_outcomes as f
        where f.webhook_id = q.webhook_id
        order by f.replayed_at desc
        limit 1)
    order by q.webhook_id
    for update
  ),
  unqueued as (
    delete from posthorn.queue as q
    using untried as u
    where q.webhook_id = any (looked_at)
      and q.webhook_id = u.webhook_id
    returning q.webhook_id
  ),
  forgotten as (
    delete from posthorn.former_outcomes as f
    using unqueued as u
    where f.webhook_id = u.webhook_id
      and f.replay_id = take_back.replay_id
    returning f.*
  ),
  restored as (
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, finished_at, status, attempts, last_status_code, reason)
    select webhook_id, outbox_id, lane, finished_at, status, attempts, last_status_code, reason
    from forgotten
    returning 1
  )
  select count(*) into taken_back from restored;
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

-- The same with many, such as array(select id from posthorn.webhooks where …). Says how many are sent again, or now.
create function posthorn.retry_many(webhook_ids uuid[], force boolean default false) returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select count(*)
    from posthorn.put_back(
      array(select distinct id from unnest(retry_many.webhook_ids) as id),
      case when retry_many.force then '{failed,cancelled,pending,delivered}' else '{failed,cancelled,pending}' end
        ::posthorn.webhook_status[])
    where became in ('queued', 'brought_forward')
  $$;

-- As posthorn.cancel() in 0006, with many; says how many.
create function posthorn.cancel_many(webhook_ids uuid[]) returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
    with waiting as materialized (
      select q.webhook_id
      from posthorn.queue as q
      where q.webhook_id = any (cancel_many.webhook_ids)
        and (q.lease_until is null or q.lease_until < now())
      order by q.webhook_id
      for update
    ), ended as (
      delete from posthorn.queue as q
      using waiting as w
      where q.webhook_id = any (cancel_many.webhook_ids)
        and q.webhook_id = w.webhook_id
      returning q.webhook_id, q.outbox_id, q.lane, q.attempts, q.past_attempts
    ), recorded as (
      insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason)
      select e.webhook_id, e.outbox_id, e.lane, 'cancelled', e.attempts, 'cancelled'
      from ended as e
      returning 1
    ), closed as (
      -- Of a lease that ran out. Nobody looks after it when its worker dies; if that lives, its result takes the place of this one.
      update posthorn.attempts as a
      set
        finished_at = clock_timestamp(),
        error = 'abandoned',
        error_message = 'The webhook was cancelled after the lease had run out'
      where a.webhook_id = any (array(select webhook_id from ended where attempts > 0))
        and a.finished_at is null
    ), freed as (
      update posthorn.lane_rules as r
      set retry_at = null
      from ended as e
      where r.lane = e.lane
        and r.retry_at is not null
        -- Of an ordered lane only the first one has been tried.
        and e.attempts > e.past_attempts
      returning r.lane
    )
    select count(*)
    from recorded
    where coalesce((select bool_and(pg_notify('posthorn_wake', 'rules:' || lane) is not null) from freed), true)
  $$;

create or replace function posthorn.cancel(webhook_id uuid) returns boolean
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$ select posthorn.cancel_many(array[cancel.webhook_id]) = 1 $$;

-- As in 0002 and 0008, and: a webhook that was dropped a moment ago must not be put back, nor one dropped that was.
create or replace function posthorn.drop_partitions(day date) returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  parent text;
  lower_bound uuid := posthorn.uuid_floor(day::timestamp at time zone 'UTC');
  upper_bound uuid := posthorn.uuid_floor((day + 1)::timestamp at time zone 'UTC');
begin
  perform pg_advisory_xact_lock(1886352244, 0);
  -- put_back() and take_back() share it.
  perform pg_advisory_xact_lock(1886352244, -4);
  -- Looked for before any table is locked, because it reads the whole queue. Nothing is added later: the trigger refuses
  -- ids that are not of today, and nobody puts anything back now.
  if exists (
    select
    from posthorn.queue
    where (webhook_id >= lower_bound and webhook_id < upper_bound)
      or (outbox_id >= lower_bound and outbox_id < upper_bound)
  ) then
    return false;
  end if;
  -- DROP locks the parent after the partition, a claim the other way round. With the parents first nobody deadlocks.
  lock table only posthorn.outbox, only posthorn.attempts, only posthorn.outcomes in access exclusive mode;
  foreach parent in array array['attempts', 'outcomes', 'outbox'] loop
    execute format('drop table if exists posthorn.%I', format('%s_%s', parent, to_char(day, 'YYYYMMDD')));
  end loop;
  return true;
end
$$;

revoke execute on function
  posthorn.matching(posthorn.webhook_status[], bigint, uuid[], uuid, uuid, timestamptz, integer, integer),
  posthorn.put_back(uuid[], posthorn.webhook_status[], timestamptz, uuid, smallint, timestamptz, interval),
  posthorn.take_back(uuid, uuid, integer),
  posthorn.is_dropped(uuid),
  posthorn.retry(uuid, boolean),
  posthorn.retry_many(uuid[], boolean),
  posthorn.cancel_many(uuid[])
from public;

comment on table posthorn.former_outcomes is 'How webhooks had ended before they were put back: a row per time.';
comment on table posthorn.replays is 'Orders to send many webhooks again, and how far each has come.';
comment on function posthorn.retry is 'Sends a webhook again that has ended, or now if it waits; says what became of it.';
comment on function posthorn.retry_many is 'Sends webhooks again that have ended, or now if they wait; says how many.';
comment on function posthorn.cancel_many is 'Cancels webhooks that wait for their first or next attempt; says how many.';
