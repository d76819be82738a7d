-- Adds the sample of this minute, deletes samples older than 15 days, and returns how many webhooks are unfinished. It
-- costs the same whatever the size of the history: of the delivered webhooks it reads the newest 2,000.
create or replace function posthorn.take_sample() returns bigint
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
      -- One lookup each: the limit prevents the planner from reading all of the outbox.
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

comment on function posthorn.take_sample() is 'Adds the sample of this minute to posthorn.samples. For the worker.';

revoke execute on function posthorn.take_sample() from public;
