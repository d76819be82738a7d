-- The outbox for the role reader: without bodies, secrets, headers and query strings.
create or replace view posthorn.redacted_outbox as
select
  id,
  split_part(url, '?', 1) as url,
  endpoint_id,
  octet_length(body) as body_bytes,
  secret is not null as has_secret,
  content_type,
  priority,
  send_at,
  max_attempts,
  idempotency_key,
  traceparent,
  created_at,
  event_type,
  tenant
from posthorn.outbox;

comment on view posthorn.redacted_outbox is 'posthorn.outbox without bodies, secrets, headers and query strings.';
