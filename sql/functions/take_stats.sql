-- Returns the figures, and counts them again if they are older than max_age. Counting takes at most a twentieth of the
-- time, whatever the size of the queue and the number of callers. Figures:
--
-- { queue: [{ priority: 0 high to 2 low, state, webhooks, oldest_due_s }, ...], without what there is none of
--   is_estimated: the queue's numbers come from a sample,
--   lanes: { failing, open, probing, throttled, held }, origins: { failing, open, probing }, workers: { alive, dead },
--   events: { fan_outs, oldest_fan_out_s, catch_ups }: those that jobs are working on,
--   partitions_ahead, partitions_overdue: { unfinished, locked }, oldest_transaction_s,
--   tasks: { name: { ended_at: unix time, duration_s } } }
--
-- The reasons: it does not count finished webhooks, so the size of the history does not matter. At most 4,096 pages of
-- the queue are read, about 180,000 webhooks: all of a queue up to that size, and of a larger one a random sample of
-- its pages, which is accurate to about 3 %. The estimates of pg_class would be free, but have no states and are
-- minutes old. An exact count by an index has no bound: a million webhooks take 0.3 s, and while an old transaction
-- pins xmin, webhooks that have ended long ago are read too. A sample may miss the one webhook that is stuck, so the
-- oldest of each lane is also looked up, in the first 2,000 lanes and priorities.
create or replace function posthorn.take_stats(max_age interval default interval '15 seconds') returns posthorn.stats
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  -- Overrides the caller's settings: these queries read much, and the caller's settings may be for reading little.
  set enable_seqscan = on
  set enable_hashjoin = on
  set enable_hashagg = on
  set enable_sort = on
  set jit = off
  set max_parallel_workers_per_gather = 0
  set extra_float_digits = 1
  as $$
declare
  most_pages constant integer := 4096;
  most_heads constant integer := 2000;
  started_at timestamptz := clock_timestamp();
  known posthorn.stats;
  pages bigint;
  share float8;
  has_away boolean;
  counted_queue jsonb;
  oldest_of_lanes jsonb := '[]';
  rest jsonb;
begin
  select * into known from posthorn.stats;
  if not found then
    insert into posthorn.stats default values on conflict do nothing;
  elsif known.taken_at > started_at - greatest(max_age, known.took_ms * 20 * interval '1 millisecond')
    -- Otherwise the clock was set back since.
    and known.taken_at <= clock_timestamp()
  then
    return known;
  end if;
  -- Does not wait for the lock: if another session is counting, the known figures are used.
  select * into known from posthorn.stats for update skip locked;
  if not found then
    select * into known from posthorn.stats;
    return known;
  elsif started_at < known.taken_at and known.taken_at <= clock_timestamp() then
    return known;
  end if;

  pages := pg_relation_size('posthorn.queue') / current_setting('block_size')::integer;
  share := least(1, most_pages::float8 / greatest(pages, 1));
  -- If no origin is blocked, the origin of no webhook is looked up.
  has_away := exists (select from posthorn.lane_blocks where reason = 'origin_breaker');

  with blocked as materialized (
    select key from posthorn.lane_blocks where not is_brief
  ),
  counted as (
    select priority, state, count(*) as seen, min(due_at) as first_due
    from (
      select
        priority,
        due_at,
        case
          when lease_until > now() then 1
          when due_at > now() and attempts > 0 then 2
          when due_at > now() then 3
          -- Not a join, for which the planner may build a hash table of the queue.
          when lane in (select key from blocked) then 4
          when has_away
            and coalesce(origin, (select e.origin from posthorn.endpoints as e where e.lane = q.lane)) in (select key from blocked)
            then 4
          else 5
        end as state
      from posthorn.queue as q tablesample system (100 * share)
    ) as q
    group by priority, state
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'priority', priority,
    'state', (array['sending', 'retry', 'scheduled', 'held', 'due'])[state],
    'webhooks', round(seen / share),
    'oldest_due_s', case when state > 3 then round(extract(epoch from now() - greatest(first_due, 'epoch')), 3) end)), '[]')
  into counted_queue
  from counted;

  if share < 1 then
    -- The loose index scan of sql/scan-lanes.sql. With statistics from a time when the queue was empty, the planner
    -- would read all of it for every step.
    perform set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
    with recursive lanes as (
      (
        select lane, priority
        from posthorn.queue
        where priority < 1000
        order by lane, priority, due_at
        limit 1
      )
      union all
      select next.lane, next.priority
      from lanes
      cross join lateral (
        select lane, priority
        from posthorn.queue
        where priority < 1000
          and (lane, priority) > (lanes.lane, lanes.priority)
        order by lane, priority, due_at
        limit 1
      ) as next
    ),
    blocked as materialized (
      select key from posthorn.lane_blocks where not is_brief
    ),
    heads as (
      select
        l.priority,
        head.due_at,
        -- Not looked up lane by lane: the view has four parts, and there are 2,000 heads.
        l.lane in (select key from blocked)
          or (
            has_away
            and coalesce(head.origin, (select e.origin from posthorn.endpoints as e where e.lane = l.lane)) in (select key from blocked)
          ) as is_held
      from (select lane, priority from lanes limit most_heads) as l
      cross join lateral (
        select due_at, origin
        from posthorn.queue
        where priority < 1000
          and (lease_until is null or lease_until <= now())
          and lane = l.lane
          and priority = l.priority
          and due_at <= now()
        order by due_at
        limit 1
      ) as head
    )
    select coalesce(jsonb_agg(jsonb_build_object(
      'priority', priority,
      'state', case when is_held then 'held' else 'due' end,
      'webhooks', 1,
      'oldest_due_s', round(extract(epoch from now() - greatest(first_due, 'epoch')), 3))), '[]')
    into oldest_of_lanes
    from (select priority, is_held, min(due_at) as first_due from heads group by 1, 2) as oldest;
    perform set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true);
  end if;

  select jsonb_build_object(
    'lanes', (
      select jsonb_build_object(
        'failing', count(*) filter (where state = 'closed' and consecutive > 0 and not is_throttled),
        'open', count(*) filter (where state = 'open' and not is_probing),
        'probing', count(*) filter (where state = 'open' and is_probing),
        'throttled', count(*) filter (where state = 'closed' and is_throttled),
        'held', (select count(*) from posthorn.lane_rules where is_held))
      from (
        select
          state,
          consecutive,
          key in (select key from posthorn.lane_blocks where reason = 'throttled') as is_throttled,
          coalesce(probe_until > now(), false) as is_probing
        from posthorn.breakers
        where key <> origin
      ) as b),
    'origins', (
      select jsonb_build_object(
        'failing', count(*) filter (where state = 'closed'),
        'open', count(*) filter (where state = 'open' and not coalesce(probe_until > now(), false)),
        'probing', count(*) filter (where state = 'open' and probe_until > now()))
      from posthorn.breakers
      where key = origin),
    'workers', (
      select jsonb_build_object('alive', count(l.number), 'dead', count(*) - count(l.number))
      from posthorn.workers as w
      left join posthorn.live_workers as l on l.number = w.number),
    'events', jsonb_build_object(
      'fan_outs', (select count(*) from posthorn.fan_outs),
      'oldest_fan_out_s', (
        select coalesce(round(extract(epoch from clock_timestamp() - min(published_at)), 3), 0) from posthorn.fan_outs),
      'catch_ups', (select count(*) from posthorn.catch_ups where status = 'running')),
    'partitions_ahead', (
      select coalesce(min(ahead) filter (where is_missing), 11) - 1
      from (
        select
          ahead,
          to_regclass('posthorn.outbox_' || day) is null
            or to_regclass('posthorn.attempts_' || day) is null
            or to_regclass('posthorn.outcomes_' || day) is null as is_missing
        from generate_series(1, 10) as ahead
        cross join lateral (select to_char((now() at time zone 'UTC')::date + ahead, 'YYYYMMDD') as day) as of_day
      ) as days),
    'oldest_transaction_s', (
      select coalesce(round(extract(epoch from clock_timestamp() - min(since)), 3), 0)
      from (
        select xact_start as since
        from pg_stat_activity
        where datname = current_database()
          and backend_type = 'client backend'
          and pid <> pg_backend_pid()
          and (backend_xid is not null or backend_xmin is not null)
        union all
        select prepared from pg_prepared_xacts where database = current_database()
      ) as open),
    'partitions_overdue', (
      select jsonb_build_object(
        'unfinished', coalesce(3 * sum(jsonb_array_length(case jsonb_typeof(detail -> 'kept') when 'array' then detail -> 'kept' end)), 0),
        'locked', coalesce(3 * sum(jsonb_array_length(case jsonb_typeof(detail -> 'postponed') when 'array' then detail -> 'postponed' end)), 0))
      from posthorn.maintenance_runs
      where task = 'posthorn:prune'),
    'tasks', (
      select coalesce(jsonb_object_agg(task, jsonb_build_object(
        'ended_at', round(extract(epoch from ended_at), 3),
        'duration_s', round(duration_ms::numeric / 1000, 3))), '{}')
      from posthorn.maintenance_runs
      -- JSON cannot express NaN or infinity; in Postgres NaN is greater than infinity.
      where isfinite(ended_at) and duration_ms < 'infinity')
  ) into rest;

  update posthorn.stats
  set
    taken_at = started_at,
    took_ms = extract(epoch from clock_timestamp() - started_at) * 1000,
    figures = rest || jsonb_build_object(
      'is_estimated', share < 1,
      'queue', (
        select coalesce(jsonb_agg(row), '[]')
        from (
          select jsonb_build_object(
            'priority', priority,
            'state', state,
            'webhooks', max(webhooks),
            'oldest_due_s', max(oldest_due_s)) as row
          from jsonb_to_recordset(counted_queue || oldest_of_lanes)
            as r (priority integer, state text, webhooks bigint, oldest_due_s numeric)
          where priority between 0 and 2
          group by priority, state
          order by priority, state
        ) as rows))
  where is_only
  returning * into known;
  return known;
end
$$;

revoke execute on function posthorn.take_stats(interval) from public;

comment on function posthorn.take_stats is 'The current figures: the row of posthorn.stats, counted again if it is older than max_age.';
