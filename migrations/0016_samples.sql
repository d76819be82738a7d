-- What the charts show: a row a minute, so that looking back a week reads no history.

create table posthorn.samples (
  taken_at timestamptz not null default clock_timestamp(),
  -- Attempts and failures of this many seconds, over all workers.
  attempts integer not null,
  failures integer not null,
  seconds real not null,
  -- From the insert, or its send_at, to the end of the attempt that delivered, of what was enqueued in the last two minutes; null: of nothing.
  p50_ms real,
  p95_ms real,
  p99_ms real,
  -- Unfinished webhooks, and those of them that are due and could be sent; estimates where the queue is very long.
  waiting bigint not null,
  due bigint not null,
  oldest_due_s real,
  constraint samples_pkey primary key (taken_at)
);

-- Adds the sample of this minute, says how many webhooks are unfinished, and drops those of more than 15 days. Costs the same whatever the size of the history: of
-- what was delivered 2,000 are looked at, the newest.
create function posthorn.take_sample() returns bigint
  language sql
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_sort = on
  set jit = off
  as $$
    with since as materialized (
      select greatest(coalesce(max(taken_at) filter (where taken_at <= now()), now() - interval '1 minute'), now() - interval '5 minutes') as at
      from posthorn.samples
    ),
    counted as (
      select
        least(coalesce(sum(t.attempts), 0), 2147483647)::integer as attempts,
        least(coalesce(sum(t.failures), 0), 2147483647)::integer as failures
      from since
      join posthorn.tallies as t on t.counted_at > since.at and t.counted_at < 'infinity' and t.endpoint_id is null
    ),
    ended as materialized (
      select extract(epoch from o.finished_at - greatest(posthorn.uuid_time(o.webhook_id), said.send_at)) * 1000 as ms
      from posthorn.outcomes as o
      -- One lookup each: the limit keeps the planner from reading all of the outbox.
      left join lateral (
        select w.send_at from posthorn.outbox as w where w.id = o.outbox_id limit 1
      ) as said on true
      where o.webhook_id >= posthorn.uuid_floor(now() - interval '2 minutes')
        and o.status = 'delivered'
        and isfinite(o.finished_at)
      order by o.webhook_id desc
      limit 2000
    ),
    delivered as (
      select percentile_cont(array[0.5, 0.95, 0.99]) within group (order by ms) as percentiles from ended
    ),
    queued as (
      select
        coalesce(sum((q ->> 'webhooks')::float8), 0)::bigint as waiting,
        coalesce(sum((q ->> 'webhooks')::float8) filter (where q ->> 'state' = 'due'), 0)::bigint as due,
        max((q ->> 'oldest_due_s')::real) filter (where q ->> 'state' = 'due') as oldest_due_s
      from posthorn.take_stats() as s
      cross join lateral jsonb_array_elements(s.figures -> 'queue') as q
    ),
    forgotten as (
      delete from posthorn.samples where taken_at < now() - interval '15 days'
    )
    insert into posthorn.samples (attempts, failures, seconds, p50_ms, p95_ms, p99_ms, waiting, due, oldest_due_s)
    select
      c.attempts, c.failures, greatest(1, extract(epoch from clock_timestamp() - since.at)),
      d.percentiles[1], d.percentiles[2], d.percentiles[3], q.waiting, q.due, q.oldest_due_s
    from counted as c
    cross join since
    cross join delivered as d
    cross join queued as q
    returning waiting
  $$;

revoke execute on function posthorn.take_sample() from public;

-- The pulse of an endpoint, without reading the others'.
create index tallies_for_endpoints on posthorn.tallies (endpoint_id, counted_at) where endpoint_id is not null;

comment on table posthorn.samples is 'How Posthorn was, a row a minute, for 15 days.';
