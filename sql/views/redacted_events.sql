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
comment on column posthorn.redacted_events.id is 'UUID v7. It is what the header webhook-id says.';
comment on column posthorn.redacted_events.tenant is 'The customer that it belongs to. Empty: the application itself. * means all tenants.';
comment on column posthorn.redacted_events.event_type is 'Its type, such as order.paid.';
comment on column posthorn.redacted_events.body_bytes is 'The size of the body.';
comment on column posthorn.redacted_events.content_type is 'The media type of the body.';
comment on column posthorn.redacted_events.priority is 'high, normal or low.';
comment on column posthorn.redacted_events.send_at is 'The earliest time to send it. Null: at once.';
comment on column posthorn.redacted_events.max_attempts is '1 to 100. Null: as many as the retry schedule has.';
comment on column posthorn.redacted_events.idempotency_key is 'The key that its producer gave it.';
comment on column posthorn.redacted_events.traceparent is 'W3C Trace Context, passed on to the receivers.';
comment on column posthorn.redacted_events.created_at is 'When it was published.';
comment on column posthorn.redacted_events.recipients is 'How many endpoints it went to. Null: a job is still adding them.';
