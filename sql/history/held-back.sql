-- What is held back now, why and since when: tenants and origins first, then endpoints and URLs.
--
-- posthorn report held-back --rows 100
-- psql "$DATABASE_URL" -f sql/history/held-back.sql -v rows=100
--
-- Reads the rules, the breakers and the workers, which have rows for nothing that is well.
\if :{?rows}
\else
  \set rows 20
\endif

select
  h.level,
  h.name,
  h.tenant,
  h.reason,
  date_trunc('second', h.since) as since,
  date_trunc('second', h.until) as until,
  h.last_error,
  h.in_flight,
  h.slots,
  h.worker
from posthorn.held_back as h
order by array_position(array['tenant', 'origin', 'endpoint', 'url'], h.level), h.since, h.name, h.worker
limit :rows;
