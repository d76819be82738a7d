-- Who received an event, and why the others did not: each endpoint of its tenant, with the webhook if it has one.
--
-- posthorn report event --id 01a20a3b-2900-72ae-a455-000000049293 --rows 100
-- psql "$DATABASE_URL" -f sql/history/event.sql -v id=01a20a3b-2900-72ae-a455-000000049293 -v rows=100
--
-- For a broadcast it has the endpoints of all tenants: those without a webhook come first, and rows is 1000 unless it is
-- given.
\if :{?rows}
\else
  \set rows 1000
\endif
\if :{?id}

select
  date_trunc('milliseconds', created_at) as published_at,
  event_type,
  tenant,
  coalesce(recipients::text, 'being added') as recipients,
  body_bytes,
  content_type,
  date_trunc('second', send_at) as not_before
from posthorn.redacted_events
where id = :'id'::uuid;

select tenant, url, status, why, attempts, last_status_code, last_error, endpoint_id, webhook_id
from posthorn.explain_event(:'id'::uuid)
order by webhook_id is not null, tenant, endpoint_id
limit :rows;

\else
  \warn 'Cannot show an event as its id must be given: psql ... -v id=<uuid>'
\endif
