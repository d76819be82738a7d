-- Notices that the clock of the database was set back, and moves times back by the same amount that would otherwise
-- come too late: of webhooks that were due at once or at their retry, breakers, pauses, leases, replays, jobs. Returns
-- the amount; null: nothing to do. The workers call it every two seconds; of several callers, one does the work.
--
-- It notices a step within ten seconds, and underestimates it by that much. A send_at stays as the producer gave it. So
-- does the retry of an attempt that ended in the past: it may have been scheduled after the step, and if not, it comes
-- late by the step.
create or replace function posthorn.watch_clock() returns interval
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
    -- A locked row is being claimed or recorded, which gives it new times.
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
      -- least() ignores a null.
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

  -- Lanes that a session has locked, for example by an uncommitted change of an endpoint, keep their times and wait
  -- longer; all others do not wait for them.
  lanes := array(
    select key from posthorn.breakers where greatest(failing_since, last_failure_at) > clock_timestamp() for update skip locked);
  update posthorn.breakers
  set
    failing_since = least(failing_since, clock_timestamp()),
    last_failure_at = case when last_failure_at is not null then least(last_failure_at, clock_timestamp()) end,
    open_until = open_until - step,
    probe_until = probe_until - step,
    throttled_until = throttled_until - step
  where key = any (lanes);
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
  -- These were counted in minutes that come again.
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
  -- Graphile Worker's times: jobs that were due, and the last run of each crontab task.
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

comment on function posthorn.watch_clock() is 'Notices that the clock was set back, and moves due times by the same amount. For the worker.';

revoke execute on function posthorn.watch_clock() from public;
