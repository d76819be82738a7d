-- The place where ORMs insert webhooks to one address. It takes what they send where the outbox would refuse it: NULL means
-- the default, an id is made or replaced, a known idempotency key inserts nothing, and RETURNING may ask for every column. A
-- trigger inserts each row into the outbox: insert_new_webhook(). It shows no row, ever. It reads no table either, so that
-- Postgres refuses UPDATE and DELETE.
create or replace view posthorn.new_webhooks as
select
  null::uuid as id,
  null::text as url,
  null::uuid as endpoint_id,
  null::text as tenant,
  null::text as body,
  null::jsonb as headers,
  null::text as secret,
  null::text as content_type,
  null::text as priority,
  null::timestamptz as send_at,
  null::integer as max_attempts,
  null::text as idempotency_key,
  null::text as traceparent,
  null::timestamptz as created_at
where false;

comment on view posthorn.new_webhooks is 'For ORMs: INSERT webhooks to one address here, in your own transaction. Shows no rows; read posthorn.webhooks.';
comment on column posthorn.new_webhooks.id is 'Leave it out or NULL. A UUID v7 of today is taken; any other id is replaced, and RETURNING shows which it became.';
comment on column posthorn.new_webhooks.url is 'An http or https URL. Each row has either a url or an endpoint_id.';
comment on column posthorn.new_webhooks.endpoint_id is 'A registered endpoint (posthorn.endpoints) instead of a url.';
comment on column posthorn.new_webhooks.tenant is 'Your own id of the customer. NULL or empty: the application itself.';
comment on column posthorn.new_webhooks.body is 'What is sent, byte for byte: text up to 1 MiB. Required.';
comment on column posthorn.new_webhooks.headers is 'Request headers: a JSON object of strings. NULL, JSON null and [] mean none.';
comment on column posthorn.new_webhooks.secret is 'Signs the request. NULL: the secret of the endpoint.';
comment on column posthorn.new_webhooks.content_type is 'NULL: application/json.';
comment on column posthorn.new_webhooks.priority is 'high, normal or low. NULL: normal.';
comment on column posthorn.new_webhooks.send_at is 'The earliest time to send it, less than 366 days ahead. NULL: at once.';
comment on column posthorn.new_webhooks.max_attempts is '1 to 100. NULL: as many as the retry schedule has.';
comment on column posthorn.new_webhooks.idempotency_key is 'At most one webhook or event per key of a tenant, for 7 days: a known key inserts nothing, and RETURNING shows the id of the first.';
comment on column posthorn.new_webhooks.traceparent is 'W3C Trace Context, passed on to the receiver.';
comment on column posthorn.new_webhooks.created_at is 'Ignored in INSERT. RETURNING shows when it was created.';
