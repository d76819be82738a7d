-- Which endpoints are slow: of the webhooks enqueued in the last 24 hours, the 20 with the greatest p95 duration.
--
-- posthorn report slow-endpoints --since '1 hour' --rows 50
-- psql "$DATABASE_URL" -f sql/history/slow-endpoints.sql -v since='1 hour' -v rows=50
--
-- The endpoint of an attempt is the lane of its webhook, which outcomes and queue have beside the id. The outbox, where
-- the bodies are, is read once per row shown.
\if :{?since}
\else
  \set since '24 hours'
\endif
\if :{?rows}
\else
  \set rows 20
\endif

-- Without it Postgres compiles what it takes for expensive, for longer than the whole report takes.
\set was_quiet :QUIET
\set QUIET on
begin read only;
set local jit = off;
set local work_mem = '64MB';

with webhooks as (
  select webhook_id, outbox_id, lane
  from posthorn.outcomes
  where webhook_id >= posthorn.uuid_floor(now() - :'since'::interval)
  union all
  select webhook_id, outbox_id, lane
  from posthorn.queue
  where webhook_id >= posthorn.uuid_floor(now() - :'since'::interval)
),
endpoints as (
  select
    w.lane,
    count(*) as attempts,
    percentile_cont(array[0.5, 0.95, 0.99]) within group (order by a.duration_ms) as percentiles_ms,
    count(*) filter (where a.status_code between 200 and 299) as answered_2xx,
    (array_agg(w.outbox_id))[1] as outbox_id
  from posthorn.redacted_attempts as a
  join webhooks as w on w.webhook_id = a.webhook_id
  where a.webhook_id >= posthorn.uuid_floor(now() - :'since'::interval)
    and a.duration_ms is not null
  group by w.lane
),
slowest as (
  select *
  from endpoints
  order by percentiles_ms[2] desc
  limit :rows
)
select
  split_part(coalesce(o.url, p.url), '?', 1) as url,
  coalesce(p.tenant, o.tenant) as tenant,
  s.attempts,
  round(s.percentiles_ms[1]) as p50_ms,
  round(s.percentiles_ms[2]) as p95_ms,
  round(s.percentiles_ms[3]) as p99_ms,
  round(100.0 * (s.attempts - s.answered_2xx) / s.attempts, 1) as not_2xx_percent
from slowest as s
left join lateral (select url, tenant from posthorn.redacted_outbox where id = s.outbox_id offset 0) as o on true
left join posthorn.redacted_endpoints as p on p.lane = s.lane and o.url is null
order by s.percentiles_ms[2] desc;

commit;
\set QUIET :was_quiet
