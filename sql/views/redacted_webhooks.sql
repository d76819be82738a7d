-- The view webhooks for the role reader: without query strings.
create or replace view posthorn.redacted_webhooks as
select
  id,
  split_part(url, '?', 1) as url,
  endpoint_id,
  status,
  attempts,
  created_at,
  next_attempt_at,
  waits_for,
  finished_at,
  last_status_code,
  last_error,
  reason,
  priority,
  send_at,
  max_attempts,
  idempotency_key,
  content_type,
  body_bytes,
  lane,
  tenant,
  event_id,
  event_type
from posthorn.webhooks;

comment on view posthorn.redacted_webhooks is 'posthorn.webhooks without query strings.';
