-- What keeps the tables right when something has gone past the triggers, the days or the clock.

-- Forgets unfinished webhooks of dropped days that have ended since, as long ago as history is kept: they are in the default
-- partitions and go with no day. At most so many; says how many.
create function posthorn.forget_kept(retention interval, most integer) returns integer
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  as $$
    with over as materialized (
      select e.webhook_id
      from posthorn.outcomes_default as e
      where e.webhook_id < (select posthorn.history_floor())
        and e.finished_at < now() - forget_kept.retention
      order by e.webhook_id
      limit forget_kept.most
      for update skip locked
    ),
    ended as (
      delete from posthorn.outcomes_default
      where webhook_id = any (array(select webhook_id from over))
      returning outbox_id, webhook_id
    ),
    tried as (
      delete from posthorn.attempts_default
      where webhook_id = any (array(select webhook_id from ended))
    ),
    said as (
      delete from posthorn.outbox_default
      where id = any (array(select outbox_id from ended))
    )
    select count(*)::integer from ended
  $$;

revoke execute on function posthorn.forget_kept(interval, integer) from public;

-- When the clock of the database was last looked at. One row, which is never far from now unless the clock was set back.
create table posthorn.clock (
  is_only boolean not null default true,
  seen_at timestamptz not null default clock_timestamp(),
  constraint clock_pkey primary key (is_only),
  constraint clock_has_one_row check (is_only)
) with (fillfactor = 50);

insert into posthorn.clock default values;

comment on table posthorn.clock is 'When the clock of the database was last looked at: a time to come means that it was set back.';

-- Notices that the clock of the database was set back, and moves the times that would otherwise be waited for by as much:
-- webhooks that were due at once or at their retry, breakers, pauses, leases, replays, jobs. Returns by how much; null when
-- nothing was to be done. The workers call it every two seconds; of several callers one does it.
--
-- It learns of a step within ten seconds and underestimates it by as much. A send_at stays as the producer has said it. So
-- does the retry of an attempt whose end is a time that has passed: it may have been scheduled since the step, and comes
-- late by the step if it was not.
create function posthorn.watch_clock() returns interval
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  as $$
declare
  batch constant integer := 10000;
  known timestamptz;
  step interval;
  last_id uuid := '00000000-0000-0000-0000-000000000000';
  looked_at uuid[];
  lanes bigint[];
begin
  select seen_at into known from posthorn.clock;
  if known between clock_timestamp() - interval '10 seconds' and clock_timestamp() then
    return null;
  end if;
  select seen_at into known from posthorn.clock for update skip locked;
  if not found then
    return null;
  end if;
  update posthorn.clock set seen_at = clock_timestamp();
  step := known - clock_timestamp();
  if step < interval '5 seconds' then
    return null;
  end if;

  loop
    -- A row that somebody has locked is being claimed or recorded: then it gets its times anew.
    looked_at := array(
      select q.webhook_id
      from posthorn.queue as q
      where q.webhook_id > last_id
        and (q.due_at > clock_timestamp() or q.lease_until > clock_timestamp())
      order by q.webhook_id
      limit batch
      for update skip locked);
    exit when cardinality(looked_at) = 0;
    update posthorn.queue as q
    set
      -- least() passes a null over.
      lease_until = case when q.lease_until is not null then least(q.lease_until, clock_timestamp() + interval '2 minutes') end,
      due_at = q.due_at - case
        when q.due_at <= clock_timestamp() then interval '0'
        when q.attempts = q.past_attempts
          and q.due_at is distinct from (select o.send_at from posthorn.outbox as o where o.id = q.outbox_id)
        then step
        when exists (
          select
          from posthorn.attempts as a
          where a.webhook_id = q.webhook_id
            and a.number = q.attempts
            and a.finished_at > clock_timestamp())
        then step
        else interval '0'
      end
    where q.webhook_id = any (looked_at);
    last_id := looked_at[cardinality(looked_at)];
  end loop;

  -- Lanes that somebody has locked, as by changing an endpoint without a commit, keep their times and wait the longer; all else does
  -- not wait for them.
  lanes := array(
    select lane from posthorn.breakers where greatest(failing_since, last_failure_at) > clock_timestamp() for update skip locked);
  update posthorn.breakers
  set
    failing_since = least(failing_since, clock_timestamp()),
    last_failure_at = case when last_failure_at is not null then least(last_failure_at, clock_timestamp()) end,
    open_until = open_until - step,
    probe_until = probe_until - step,
    paused_until = paused_until - step
  where lane = any (lanes);
  lanes := array(
    select lane from posthorn.lane_rules where greatest(retry_at, rate_from) > clock_timestamp() for update skip locked);
  -- The webhook at the head of the lane is not sent before its own due_at.
  update posthorn.lane_rules
  set
    retry_at = case when retry_at > clock_timestamp() then retry_at - step else retry_at end,
    rate_from = case
      when rate_from is not null then least(rate_from, clock_timestamp() + interval '1 second' / rate_limit_per_s) end
  where lane = any (lanes);
  update posthorn.replays
  set
    moved_at = least(moved_at, clock_timestamp()),
    paced_until = case when paced_until > clock_timestamp() then paced_until - step else paced_until end
  where status in ('running', 'cancelling')
    and greatest(moved_at, paced_until) > clock_timestamp();
  update posthorn.workers
  set seen_at = clock_timestamp(), egress_down_since = case when egress_down_since is not null then least(egress_down_since, clock_timestamp()) end
  where greatest(seen_at, egress_down_since) > clock_timestamp();
  -- Counted for minutes that come again.
  delete from posthorn.tallies where counted_at > clock_timestamp();
  delete from posthorn.samples where taken_at > clock_timestamp();
  update posthorn.alerts
  set
    since = least(since, clock_timestamp()),
    fired_at = case when fired_at is not null then least(fired_at, clock_timestamp()) end,
    told_at = case when told_at is not null then least(told_at, clock_timestamp()) end,
    clear_since = case when clear_since is not null then least(clear_since, clock_timestamp()) end
  where resolved_at is null
    and greatest(since, fired_at, told_at, clear_since) > clock_timestamp();
  -- Graphile Worker's: jobs that were due, and when each task of the crontab was last run.
  if to_regclass('posthorn_graphile._private_jobs') is not null then
    execute $sql$
      update posthorn_graphile._private_jobs
      set run_at = greatest(run_at - $1, clock_timestamp())
      where run_at > clock_timestamp() and run_at <= $2 + interval '1 minute' and locked_at is null
    $sql$
    using step, known;
    execute $sql$
      update posthorn_graphile._private_known_crontabs
      set last_execution = date_trunc('minute', clock_timestamp())
      where last_execution > clock_timestamp()
    $sql$;
  end if;
  perform pg_notify('posthorn_wake', 'scan');
  return step;
end
$$;

revoke execute on function posthorn.watch_clock() from public;

-- Webhooks of the outbox that neither wait nor have ended, because the trigger did not fire when they were inserted: it does not
-- in a session whose session_replication_role is replica, while triggers are disabled, as pg_restore --disable-triggers does,
-- and not for what an owner inserts into a partition itself. Looks at so many webhooks below an id, the newest first;
-- "walked_to" is where to go on, null at the end.
create function posthorn.missed(
  before uuid,
  walk integer,
  out webhook_ids uuid[],
  out walked integer,
  out walked_to uuid
)
  language sql stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  set jit = off
  as $$
    with walked as materialized (
      select id
      from posthorn.redacted_outbox
      where id < missed.before
      order by id desc
      limit missed.walk
    ),
    missed as materialized (
      select w.id
      from walked as w
      where not exists (select from posthorn.queue as q where q.webhook_id = w.id)
        and not exists (select from posthorn.outcomes as e where e.webhook_id = w.id)
    )
    select
      array(select id from missed order by id),
      (select count(*)::integer from walked),
      case when (select count(*) from walked) = missed.walk then (select id from walked order by id limit 1) end
  $$;

-- Enqueues webhooks that missed() has found, as the trigger would have; returns the ids of those that are enqueued now. What
-- their keys stand for is noted, unless it is another webhook.
create function posthorn.enqueue_missed(webhook_ids uuid[]) returns setof uuid
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  as $$
begin
  -- One at a time, and nobody puts anything back meanwhile: what another one enqueued may have been sent since.
  perform pg_advisory_xact_lock(1886352244, -4);
  insert into posthorn.idempotency_keys (key, webhook_id, expires_at)
  select o.idempotency_key, o.id, o.created_at + interval '7 days'
  from posthorn.outbox as o
  where o.id = any (webhook_ids)
    and o.idempotency_key is not null
    and o.created_at > now() - interval '7 days'
  order by o.idempotency_key
  on conflict (key) do nothing;
  return query
  insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
  select
    o.id,
    o.id,
    case when o.endpoint_id is null then posthorn.lane_of(o.url) else posthorn.lane_of(o.endpoint_id) end,
    case
      when (select e.ordered from posthorn.endpoints as e where e.id = o.endpoint_id) then 1
      when o.priority = 'high' then 0
      when o.priority = 'normal' then 1
      else 2
    end,
    greatest(o.send_at, clock_timestamp())
  from posthorn.outbox as o
  where o.id = any (webhook_ids)
    and not exists (select from posthorn.outcomes as e where e.webhook_id = o.id)
  order by o.id
  on conflict (webhook_id) do nothing
  returning webhook_id;
  perform pg_notify('posthorn_wake', 'scan');
end
$$;

-- Endpoints whose lane_rules are not what their settings say, for the same reasons; and rules of no endpoint.
create view posthorn.misruled_lanes as
select coalesce(e.lane, r.lane) as lane, e.id as endpoint_id
from (
  select
    id,
    lane,
    status <> 'active' as is_held,
    ordered,
    max_in_flight,
    rate_limit_per_s,
    status <> 'deleted'
      and (status <> 'active' or ordered or num_nonnulls(max_in_flight, rate_limit_per_s) > 0) as has_rule
  from posthorn.endpoints
) as e
full join posthorn.lane_rules as r on r.lane = e.lane
where case
  when e.id is null then true
  when not e.has_rule then r.lane is not null
  else (e.is_held, e.ordered, e.max_in_flight, e.rate_limit_per_s)
    is distinct from (r.is_held, r.is_ordered, r.max_in_flight, r.rate_limit_per_s)
end;

comment on view posthorn.misruled_lanes is 'Endpoints whose lane_rules are not what their settings say, because a trigger did not fire.';

-- Makes them so; returns the lanes.
create function posthorn.repair_lane_rules() returns setof bigint
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  lanes bigint[] := array(select lane from posthorn.misruled_lanes);
begin
  -- In the order of the triggers: the endpoint first. Whoever changes it meanwhile comes after us.
  perform from posthorn.endpoints where lane = any (lanes) order by id for update;
  perform from posthorn.lane_rules where lane = any (lanes) order by lane for update;
  delete from posthorn.lane_rules as r
  where r.lane = any (lanes)
    and not exists (
      select
      from posthorn.endpoints as e
      where e.lane = r.lane
        and e.status <> 'deleted'
        and (e.status <> 'active' or e.ordered or num_nonnulls(e.max_in_flight, e.rate_limit_per_s) > 0));
  insert into posthorn.lane_rules as r (lane, is_held, is_ordered, max_in_flight, rate_limit_per_s)
  select e.lane, e.status <> 'active', e.ordered, e.max_in_flight, e.rate_limit_per_s
  from posthorn.endpoints as e
  where e.lane = any (lanes)
    and e.status <> 'deleted'
    and (e.status <> 'active' or e.ordered or num_nonnulls(e.max_in_flight, e.rate_limit_per_s) > 0)
  order by e.lane
  on conflict (lane) do update
    set is_held = excluded.is_held,
      is_ordered = excluded.is_ordered,
      max_in_flight = excluded.max_in_flight,
      rate_limit_per_s = excluded.rate_limit_per_s;
  perform pg_notify('posthorn_wake', 'rules:' || lane) from unnest(lanes) as lane;
  return query select unnest(lanes);
end
$$;

revoke execute on function
  posthorn.missed(uuid, integer),
  posthorn.enqueue_missed(uuid[]),
  posthorn.repair_lane_rules()
from public;
