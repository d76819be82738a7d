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
comment on column posthorn.redacted_outbox.id is 'UUID v7 of the webhook or event.';
comment on column posthorn.redacted_outbox.url is 'Where a webhook goes, without the query string.';
comment on column posthorn.redacted_outbox.endpoint_id is 'The registered endpoint that a webhook goes to, instead of a url.';
comment on column posthorn.redacted_outbox.body_bytes is 'The size of the body.';
comment on column posthorn.redacted_outbox.has_secret is 'Whether it has a secret of its own.';
comment on column posthorn.redacted_outbox.content_type is 'The media type of the body.';
comment on column posthorn.redacted_outbox.priority is 'high, normal or low.';
comment on column posthorn.redacted_outbox.send_at is 'The earliest time to send it. Null: at once.';
comment on column posthorn.redacted_outbox.max_attempts is '1 to 100. Null: as many as the retry schedule has.';
comment on column posthorn.redacted_outbox.idempotency_key is 'The key that its producer gave it.';
comment on column posthorn.redacted_outbox.traceparent is 'W3C Trace Context, passed on to the receiver.';
comment on column posthorn.redacted_outbox.created_at is 'When it was inserted.';
comment on column posthorn.redacted_outbox.event_type is 'The type of an event. Null: it is a webhook to one address.';
comment on column posthorn.redacted_outbox.tenant is 'The customer that it belongs to. Empty: the application itself.';
