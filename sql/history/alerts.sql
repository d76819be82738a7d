-- What is wrong now, and what was in the last 7 days: what fires first, then the latest.
--
-- posthorn report alerts --since '30 days' --rows 100
-- psql "$DATABASE_URL" -f sql/history/alerts.sql -v since='30 days' -v rows=100
--
-- Reads posthorn.alerts alone, which has a row per alert.
\if :{?since}
\else
  \set since '7 days'
\endif
\if :{?rows}
\else
  \set rows 20
\endif

select
  case when resolved_at is null then 'firing' else 'resolved' end as state,
  severity,
  rule,
  date_trunc('second', fired_at) as fired_at,
  date_trunc('second', coalesce(resolved_at, now()) - fired_at) as lasted,
  summary
from posthorn.alerts
where fired_at is not null
  and (resolved_at is null or resolved_at >= now() - :'since'::interval)
order by resolved_at is not null, coalesce(resolved_at, fired_at) desc
limit :rows;
