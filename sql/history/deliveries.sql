-- How deliveries went, hour by hour of enqueueing, for the last 24 hours.
--
-- posthorn report deliveries --since '7 days'
-- psql "$DATABASE_URL" -f sql/history/deliveries.sql -v since='7 days'
--
-- Every webhook has a row in outcomes or in queue, and its id holds the time it was enqueued: the outbox, where the bodies
-- are, is not read. The percentiles are of enqueued to delivered, in seconds, retries included; a webhook that failed
-- took as long as its retries, which says nothing about the service, and one that was sent again after it had ended took as
-- long as somebody needed to ask for that.
\if :{?since}
\else
  \set since '24 hours'
\endif

-- Without it Postgres compiles what it takes for expensive, for longer than the whole report takes.
\set was_quiet :QUIET
\set QUIET on
begin read only;
set local jit = off;

with hours as (
  select hour, posthorn.uuid_floor(hour) as from_id, posthorn.uuid_floor(hour + interval '1 hour') as to_id
  from generate_series(
    date_trunc('hour', now() - :'since'::interval), date_trunc('hour', now()), interval '1 hour') as hour
)
select
  h.hour,
  ended.webhooks + waiting.webhooks as enqueued,
  ended.delivered,
  ended.failed,
  ended.cancelled,
  waiting.webhooks as unfinished,
  round(ended.seconds[1]::numeric, 2) as p50_s,
  round(ended.seconds[2]::numeric, 2) as p95_s,
  round(ended.seconds[3]::numeric, 2) as p99_s
from hours as h
cross join lateral (
  select
    count(*) as webhooks,
    count(*) filter (where status = 'delivered') as delivered,
    count(*) filter (where status = 'failed') as failed,
    count(*) filter (where status = 'cancelled') as cancelled,
    -- The first 48 bits of the id are ms since 1970. From the bytes, as from the text takes three times as long.
    percentile_cont(array[0.5, 0.95, 0.99]) within group (
      order by date_part('epoch', finished_at)
        - ('x' || encode(substr(uuid_send(e.webhook_id), 1, 6), 'hex'))::bit(48)::bigint / 1000.0::float8
    ) filter (where status = 'delivered' and replayed.webhook_id is null) as seconds
  from posthorn.outcomes as e
  left join (
    select distinct f.webhook_id
    from posthorn.former_outcomes as f
    where f.webhook_id >= h.from_id
      and f.webhook_id < h.to_id
  ) as replayed on replayed.webhook_id = e.webhook_id
  where e.webhook_id >= h.from_id
    and e.webhook_id < h.to_id
) as ended
cross join lateral (
  select count(*) as webhooks
  from posthorn.queue
  where webhook_id >= h.from_id
    and webhook_id < h.to_id
) as waiting
order by h.hour;

commit;
\set QUIET :was_quiet
