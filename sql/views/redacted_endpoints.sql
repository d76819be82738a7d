-- The endpoints for the role reader: without secrets, headers and query strings.
create or replace view posthorn.redacted_endpoints as
select
  id,
  lane,
  split_part(url, '?', 1) as url,
  description,
  secret is not null as has_secret,
  status,
  status_reason,
  status_since,
  max_in_flight,
  rate_limit_per_s,
  timeout_ms,
  retry_schedule_s,
  ordered,
  gone_answers,
  created_at,
  updated_at,
  public_key,
  coalesce(headers, '{}') <> '{}' as has_headers,
  case when starts_with(secret, 'sealed:') then split_part(secret, ':', 3) end as sealed_with,
  coalesce(jsonb_array_length(case jsonb_typeof(former_secrets) when 'array' then former_secrets end), 0)
    as former_secrets,
  tenant,
  catching_up,
  origin
from posthorn.endpoints;

comment on view posthorn.redacted_endpoints is 'posthorn.endpoints without secrets and query strings.';
comment on column posthorn.redacted_endpoints.id is 'UUID v7 of the endpoint.';
comment on column posthorn.redacted_endpoints.lane is 'The key by which the queue names it.';
comment on column posthorn.redacted_endpoints.url is 'Where its webhooks go, without the query string.';
comment on column posthorn.redacted_endpoints.description is 'For people: its name, for example.';
comment on column posthorn.redacted_endpoints.has_secret is 'Whether it has a secret, which signs its webhooks.';
comment on column posthorn.redacted_endpoints.status is 'active, paused, disabled or deleted. Nothing is sent unless it is active.';
comment on column posthorn.redacted_endpoints.status_reason is 'Why it is not active: by_request, failing or gone.';
comment on column posthorn.redacted_endpoints.status_since is 'When its status last changed.';
comment on column posthorn.redacted_endpoints.max_in_flight is 'The most requests at a time, of all workers together. Null: as many as it turns out to handle.';
comment on column posthorn.redacted_endpoints.rate_limit_per_s is 'The most requests a second, of all workers together. Null: no limit.';
comment on column posthorn.redacted_endpoints.timeout_ms is 'How long a request may take. Null: POSTHORN_TIMEOUT.';
comment on column posthorn.redacted_endpoints.retry_schedule_s is 'Seconds before each retry. Null: POSTHORN_RETRY_SCHEDULE. Empty: no retry.';
comment on column posthorn.redacted_endpoints.ordered is 'Whether its webhooks are sent one at a time, in the order of sending.';
comment on column posthorn.redacted_endpoints.gone_answers is 'Answers 410 since its last success. The second one disables it.';
comment on column posthorn.redacted_endpoints.created_at is 'When it was registered.';
comment on column posthorn.redacted_endpoints.updated_at is 'When its settings last changed.';
comment on column posthorn.redacted_endpoints.public_key is 'The public key of an Ed25519 secret, for receivers. It is not secret.';
comment on column posthorn.redacted_endpoints.has_headers is 'Whether it has headers of its own.';
comment on column posthorn.redacted_endpoints.sealed_with is 'The id of the key that its secret is encrypted with. Null: plain text, or no secret.';
comment on column posthorn.redacted_endpoints.former_secrets is 'How many secrets were replaced and still sign.';
comment on column posthorn.redacted_endpoints.tenant is 'The customer whose events it can receive. Empty: the application itself.';
comment on column posthorn.redacted_endpoints.catching_up is 'Whether it is getting the events that it has missed.';
comment on column posthorn.redacted_endpoints.origin is 'The key of scheme, host and port of its URL.';
