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
comment on column posthorn.redacted_webhooks.id is 'UUID v7. It is what the header X-Webhook-ID says.';
comment on column posthorn.redacted_webhooks.url is 'Where it goes, without the query string.';
comment on column posthorn.redacted_webhooks.endpoint_id is 'The registered endpoint that it goes to. Null: it goes to a URL.';
comment on column posthorn.redacted_webhooks.status is 'pending, delivering, delivered, failed or cancelled.';
comment on column posthorn.redacted_webhooks.attempts is 'The attempts so far.';
comment on column posthorn.redacted_webhooks.created_at is 'When it was inserted, or its event was published.';
comment on column posthorn.redacted_webhooks.next_attempt_at is 'It is sent no sooner than this. Null: it is being sent, has ended, or somebody must first resume its endpoint.';
comment on column posthorn.redacted_webhooks.waits_for is 'What a pending webhook waits for: docs/api.md lists the reasons.';
comment on column posthorn.redacted_webhooks.finished_at is 'When it ended. Null: it has not.';
comment on column posthorn.redacted_webhooks.last_status_code is 'The status of the last answer. Null: there was none.';
comment on column posthorn.redacted_webhooks.last_error is 'Why the last attempt failed, as a code.';
comment on column posthorn.redacted_webhooks.reason is 'Why it ended so, as a code.';
comment on column posthorn.redacted_webhooks.priority is 'high, normal or low.';
comment on column posthorn.redacted_webhooks.send_at is 'The earliest time to send it. Null: at once.';
comment on column posthorn.redacted_webhooks.max_attempts is '1 to 100. Null: as many as the retry schedule has.';
comment on column posthorn.redacted_webhooks.idempotency_key is 'The key that its producer gave it.';
comment on column posthorn.redacted_webhooks.content_type is 'The media type of the body.';
comment on column posthorn.redacted_webhooks.body_bytes is 'The size of the body.';
comment on column posthorn.redacted_webhooks.lane is 'The key of the endpoint, or of the URL without its query.';
comment on column posthorn.redacted_webhooks.tenant is 'The customer that it belongs to. Empty: the application itself.';
comment on column posthorn.redacted_webhooks.event_id is 'The row of the outbox: the event, or the webhook itself. It is what the header webhook-id says.';
comment on column posthorn.redacted_webhooks.event_type is 'The type of its event. Null: it has none.';
