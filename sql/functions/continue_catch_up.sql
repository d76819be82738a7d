-- Enqueues the next events that an endpoint has missed, and saves the progress in the same transaction. Returns the
-- status, how many webhooks it added, and whether the catch-up waits: for the endpoint to be enabled, or for transactions
-- that may not have seen that it was. Null: it has ended.
--
-- Every event that is missing was published by a transaction that ran when the endpoint was enabled, or before. So the
-- events are read to the end, and once more when those transactions have ended. An ordered endpoint is held until then.
create or replace function posthorn.continue_catch_up(
  id uuid,
  walk integer,
  most integer,
  out status posthorn.catch_up_status,
  out webhooks integer,
  out is_waiting boolean
)
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
#variable_conflict use_column
declare
  work posthorn.catch_ups;
  endpoint record;
  -- An ordered endpoint is held meanwhile and then sends at its own pace.
  rate double precision;
  page record;
  running text[];
  prepared text[];
  started constant timestamptz := clock_timestamp();
begin
  -- Nothing is added to a day that is dropped.
  perform pg_advisory_xact_lock_shared(1886352244, 0);
  -- The endpoint first, in the order of the triggers.
  select e.ordered, e.status in ('active', 'paused') as is_open
  into endpoint
  from posthorn.endpoints as e
  where e.id = (select c.endpoint_id from posthorn.catch_ups as c where c.id = continue_catch_up.id)
  for no key update;
  select c.* into work from posthorn.catch_ups as c where c.id = continue_catch_up.id and c.status = 'running' for update;
  if not found then
    return;
  end if;
  status := 'running';
  webhooks := 0;
  is_waiting := not endpoint.is_open;
  if is_waiting then
    update posthorn.catch_ups as c set moved_at = started where c.id = work.id;
    return;
  end if;
  running := array(
    select l.virtualxid
    from pg_locks as l
    join pg_stat_activity as a on a.pid = l.pid
    where l.locktype = 'virtualxid'
      and l.granted
      and l.pid <> pg_backend_pid()
      and a.datid = (select d.oid from pg_database as d where d.datname = current_database())
      -- Autovacuum, which publishes nothing, has no user. The kind of process is hidden from an owner who may not see all
      -- statistics.
      and a.usesysid is not null);
  -- A prepared transaction has left its session. Read second, so that one that is prepared meanwhile is in one of the two.
  prepared := array(
    select 'prepared ' || x.transaction::text from pg_prepared_xacts as x where x.database = current_database());
  running := running || prepared;
  work.awaited := coalesce(work.awaited, running);
  rate := case when not endpoint.ordered then work.rate_limit_per_s end;

  select m.*
  into page
  from posthorn.missed_events(
    work.endpoint_id, work.walked_to, 'ffffffff-ffff-ffff-ffff-ffffffffffff', work.by_present_subscriptions,
    continue_catch_up.walk, continue_catch_up.most) as m;
  work.read_count := work.read_count + page.walked;
  if cardinality(page.event_ids) > 0 then
    webhooks := posthorn.add_webhooks(
      page.event_ids,
      array_fill(work.endpoint_id, array[cardinality(page.event_ids)]),
      priority => 2::smallint,
      due_from => greatest(started, work.paced_until),
      spacing => coalesce(interval '1 second' / rate, '0'));
    work.paced_until := greatest(started, work.paced_until) + webhooks * (interval '1 second' / rate);
  end if;

  if page.walked_to is not null then
    work.walked_to := page.walked_to;
  elsif work.awaited = '{}' then
    status := 'finished';
  elsif work.awaited && running then
    is_waiting := true;
  elsif cardinality(prepared) > 0
    and exists (select from unnest(work.awaited) as t (name) where not starts_with(t.name, 'prepared '))
  then
    -- They may be the ones that have left their sessions.
    work.awaited := prepared;
    is_waiting := true;
  else
    work.awaited := '{}';
    work.walked_to := posthorn.uuid_floor(work.since);
  end if;
  update posthorn.catch_ups as c
  set
    status = continue_catch_up.status,
    awaited = work.awaited,
    walked_to = work.walked_to,
    read_count = work.read_count,
    webhooks = c.webhooks + continue_catch_up.webhooks,
    paced_until = work.paced_until,
    moved_at = started,
    finished_at = case when continue_catch_up.status = 'finished' then clock_timestamp() end
  where c.id = work.id;
  if status = 'finished' then
    update posthorn.endpoints as e set catching_up = false where e.id = work.endpoint_id and e.catching_up;
  end if;
  if webhooks > 0 then
    -- Webhooks of an ordered endpoint are due since long before.
    perform pg_notify('posthorn_wake', 'scan');
  end if;
end
$$;

comment on function posthorn.continue_catch_up(uuid, integer, integer) is 'Makes one step of a catch-up. For the worker.';

revoke execute on function posthorn.continue_catch_up(uuid, integer, integer) from public;
