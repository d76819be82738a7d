-- The events for the role reader: without bodies and headers.
create or replace view posthorn.redacted_events as
select
  id,
  tenant,
  event_type,
  octet_length(body) as body_bytes,
  content_type,
  priority,
  send_at,
  max_attempts,
  idempotency_key,
  traceparent,
  created_at,
  recipients
from posthorn.events;

comment on view posthorn.redacted_events is 'posthorn.events without bodies and headers.';
