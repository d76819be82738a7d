-- The place where ORMs publish events. It is to events what new_webhooks is to webhooks: see there, and insert_new_event().
create or replace view posthorn.new_events as
select
  null::uuid as id,
  null::text as tenant,
  null::text as event_type,
  null::text as body,
  null::jsonb as headers,
  null::text as content_type,
  null::text as priority,
  null::timestamptz as send_at,
  null::integer as max_attempts,
  null::text as idempotency_key,
  null::text as traceparent,
  null::timestamptz as created_at
where false;

comment on view posthorn.new_events is 'For ORMs: INSERT events here, in your own transaction. Shows no rows; read posthorn.events.';
comment on column posthorn.new_events.id is 'Leave it out or NULL. A UUID v7 of the last 30 seconds is taken; any other id is replaced, and RETURNING shows which it became.';
comment on column posthorn.new_events.tenant is 'Your own id of the customer whose endpoints receive it; * is all tenants. NULL or empty: the application itself.';
comment on column posthorn.new_events.event_type is 'Words with dots between them, such as order.paid. Required.';
comment on column posthorn.new_events.body is 'What is sent, byte for byte: text up to 1 MiB. Required.';
comment on column posthorn.new_events.headers is 'Request headers: a JSON object of strings. NULL, JSON null and [] mean none.';
comment on column posthorn.new_events.content_type is 'NULL: application/json.';
comment on column posthorn.new_events.priority is 'high, normal or low. NULL: normal.';
comment on column posthorn.new_events.send_at is 'The earliest time to send it, less than 366 days ahead. NULL: at once.';
comment on column posthorn.new_events.max_attempts is '1 to 100. NULL: as many as the retry schedule has.';
comment on column posthorn.new_events.idempotency_key is 'At most one webhook or event per key of a tenant, for 7 days: a known key inserts nothing, and RETURNING shows the id of the first.';
comment on column posthorn.new_events.traceparent is 'W3C Trace Context, passed on to the receivers.';
comment on column posthorn.new_events.created_at is 'Ignored in INSERT. RETURNING shows when it was created.';
