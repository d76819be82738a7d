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
