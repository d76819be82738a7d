-- Secrets of endpoints: sealed at rest, replaced with an overlap, HMAC or Ed25519; and headers that an endpoint gets with every
-- webhook, which may carry credentials and are kept like secrets.
--
-- Sealed is what Posthorn's processes have encrypted (AES-256-GCM) with a key that Postgres does not have:
-- sealed:v1:<key id>:<base64 of nonce, tag and ciphertext>. What is inserted by SQL is plain text, and is sealed by the task
-- posthorn:secrets if there is a key. The rules see plain text only; what comes sealed was checked before by the API.

alter table posthorn.endpoints
  -- Of the secret, where it is an Ed25519 key: for receivers, no secret.
  add column public_key text,
  -- What the current one has replaced and signs until its expires_at, newest first: [{secret, public_key, expires_at}].
  add column former_secrets jsonb,
  -- Go with every webhook, below the webhook's own. An object of strings; sealed, a string.
  add column headers jsonb;

-- The public half is the last 32 bytes of a whsk_ secret; whoever seals one says it.
create function posthorn.endpoint_public_key() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  new.public_key := case
    when new.secret ~ '^whsk_[A-Za-z0-9+/]{86}==$'
    then 'whpk_' || encode(substring(decode(substr(new.secret, 6), 'base64') from 33), 'base64')
  end;
  return new;
end
$$;

create trigger endpoint_public_key_on_insert
  before insert on posthorn.endpoints
  for each row
  when (left(new.secret, 5) = 'whsk_')
  execute function posthorn.endpoint_public_key();

create trigger endpoint_public_key_on_update
  before update of secret on posthorn.endpoints
  for each row
  when (new.secret is null or left(new.secret, 7) <> 'sealed:')
  execute function posthorn.endpoint_public_key();

-- As in 0006, and: a deleted endpoint keeps nothing secret, and to seal is not to change.
create or replace function posthorn.endpoint_changes() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if old.status = 'deleted' then
    raise check_violation using
      constraint = 'endpoints_deleted_is_final', schema = 'posthorn', table = 'endpoints', column = 'status',
      message = 'Cannot change the endpoint as a deleted one must stay as it is';
  end if;
  if (new.gone_answers = old.gone_answers and coalesce(current_setting('posthorn.is_sealing', true), '') <> 'on')
    or new.status <> old.status
  then
    new.updated_at := clock_timestamp();
  end if;
  if new.status <> old.status then
    new.status_since := clock_timestamp();
    if new.status = 'active' then
      new.status_reason := null;
      new.gone_answers := 0;
    elsif new.status_reason is not distinct from old.status_reason then
      new.status_reason := 'by_request';
    end if;
  end if;
  if new.status = 'deleted' then
    new.secret := null;
    new.former_secrets := null;
    new.public_key := null;
    new.headers := null;
  end if;
  return new;
end
$$;

revoke execute on function posthorn.endpoint_public_key(), posthorn.endpoint_changes() from public;

-- A time that is written in JSON; null for what is none and for infinity, so that one odd row does not make a list fail.
create function posthorn.time_of(text text) returns timestamptz
  language plpgsql stable strict
  set search_path = pg_catalog, pg_temp
  as $$
begin
  return nullif(nullif(text::timestamptz, 'infinity'), '-infinity');
exception
  when data_exception then
    return null;
end
$$;

-- A test of an endpoint goes to its URL and past its queue, signed as it signs: the endpoint is named, so that no secret is
-- copied into the outbox. Not for producers.
alter table posthorn.outbox add column signed_as uuid;

-- As in 0011, and: Ed25519 keys.
create or replace function posthorn.outbox_keeps_rules(
  id uuid,
  url text,
  endpoint_id uuid,
  body text,
  headers jsonb,
  secret text,
  content_type text,
  priority text,
  send_at timestamptz,
  max_attempts integer,
  idempotency_key text,
  traceparent text,
  created_at timestamptz
) returns boolean
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
declare
  broken text;
begin
  broken := case
    when get_byte(uuid_send(id), 6) >> 4 <> 7 then 'outbox_id_is_uuid_v7'
    when num_nonnulls(url, endpoint_id) <> 1 then 'outbox_has_a_url_or_an_endpoint_id'
    -- Not NOT NULL: when one of those is broken, Postgres repeats the row with its secret.
    when body is null then 'outbox_body_is_given'
    when num_nulls(content_type, priority, created_at) > 0 then 'outbox_defaults_are_not_null'
    when octet_length(url) > 2048 then 'outbox_url_is_at_most_2048_bytes'
    -- E'': it reads the same in a session that has standard_conforming_strings off.
    when url !~* E'^https?://([^[:space:][:cntrl:]/?#@\\\\:]+|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'
      then 'outbox_url_is_http'
    when octet_length(body) > 1048576 then 'outbox_body_is_at_most_1_mib'
    when octet_length(secret) not between 1 and 512 then 'outbox_secret_is_1_to_512_bytes'
    -- Standard Webhooks: 24 to 64 bytes of key in base64. The groups of four are counted by the length: as a repetition in
    -- the regular expression they made this the dearest of all rules, six times that of the URL.
    when left(secret, 6) = 'whsec_'
      and (
        octet_length(rtrim(secret, '=')) < 6 + 32
        or octet_length(secret) > 6 + 88
        or octet_length(secret) % 4 <> 6 % 4
        or secret !~ '^whsec_[A-Za-z0-9+/]+={0,2}$'
      )
      then 'outbox_secret_is_base64_after_whsec'
    when left(secret, 5) = 'whsk_' and secret !~ '^whsk_[A-Za-z0-9+/]{86}==$'
      then 'outbox_secret_is_ed25519_after_whsk'
    when content_type <> 'application/json'
      and (
        octet_length(content_type) > 255
        or content_type !~ '^[-!#$%&''*+.^_`|~0-9A-Za-z]+/[-!#$%&''*+.^_`|~0-9A-Za-z]+( *;[ -~]*)?$'
      )
      then 'outbox_content_type_is_media_type'
    when priority not in ('high', 'normal', 'low') then 'outbox_priority_is_high_normal_or_low'
    when not isfinite(created_at) then 'outbox_created_at_is_finite'
  end;
  if broken is null and num_nonnulls(send_at, max_attempts, idempotency_key, traceparent) > 0 then
    broken := case
      when not isfinite(send_at) or send_at - created_at >= interval '366 days' then 'outbox_send_at_is_within_a_year'
      when max_attempts not between 1 and 100 then 'outbox_max_attempts_is_1_to_100'
      when idempotency_key !~ '^[ -~]{1,255}$' then 'outbox_idempotency_key_is_1_to_255_printable_ascii'
      when traceparent !~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' then 'outbox_traceparent_is_w3c'
    end;
  end if;
  if broken is null and headers is not null then
    broken := case
      when jsonb_typeof(headers) <> 'object' then 'outbox_headers_is_object'
      when octet_length(headers::text) > 8192 then 'outbox_headers_are_at_most_8_kib'
      when jsonb_path_exists(headers, 'strict $.* ? (@.type() != "string")') then 'outbox_headers_values_are_strings'
      -- flag "s": without it a negated class does not match a line feed, and a header could be smuggled in.
      when jsonb_path_exists(headers, '$.* ? (@ like_regex "[^ -~]" flag "s")')
        then 'outbox_headers_values_are_printable_ascii'
      when jsonb_path_exists(
        headers, '$.keyvalue() ? (!(@.key like_regex "^[-!#$%&''*+.^_`|~0-9A-Za-z]{1,128}$" flag "s"))')
        then 'outbox_headers_names_are_tokens'
      when not posthorn.header_names_are_unique(headers) then 'outbox_headers_names_are_unique'
      -- What the connection or Posthorn itself sets. Host would also choose the name that the certificate is checked for.
      when jsonb_path_exists(headers, '$.keyvalue() ? (@.key like_regex
        "^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-length|content-type|content-encoding|accept-encoding|cookie|idempotency-key|traceparent|webhook-.*|x-webhook-.*)$" flag "is")')
        then 'outbox_headers_names_are_not_reserved'
    end;
  end if;
  if broken is null then
    return true;
  end if;
  raise check_violation using
    constraint = broken, schema = 'posthorn', table = 'outbox',
    message = format('Cannot insert into posthorn.outbox as the rule %s must hold: current value is not shown', broken);
end
$$;

-- The primary key is NOT NULL in any case. A row without an id goes to the default partition, so that it is refused there
-- costs the others nothing.
create function posthorn.outbox_id_is_given() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  raise check_violation using
    constraint = 'outbox_id_is_given', schema = 'posthorn', table = 'outbox', column = 'id',
    message = 'Cannot insert into posthorn.outbox as an id must not be null',
    hint = 'Leave id out: it has a default.';
end
$$;

create trigger outbox_id_is_given
  before insert on posthorn.outbox_default
  for each row
  when (new.id is null)
  execute function posthorn.outbox_id_is_given();

revoke execute on function posthorn.outbox_id_is_given() from public;

-- The rules of endpoints, in a trigger for the same reason as those of the outbox are in a function: no error repeats the row.
create function posthorn.endpoint_keeps_rules() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  broken text;
  headers jsonb := case when jsonb_typeof(new.headers) = 'object' then new.headers end;
begin
  broken := case
    when new.id is null then 'endpoints_id_is_given'
    when get_byte(uuid_send(new.id), 6) >> 4 <> 7 then 'endpoints_id_is_uuid_v7'
    when new.url is null then 'endpoints_url_is_given'
    when num_nulls(
      new.description, new.status, new.status_since, new.ordered, new.gone_answers, new.created_at, new.updated_at) > 0
      then 'endpoints_defaults_are_not_null'
    when octet_length(new.url) > 2048 then 'endpoints_url_is_at_most_2048_bytes'
    when new.url !~* E'^https?://([^[:space:][:cntrl:]/?#@\\\\:]+|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'
      then 'endpoints_url_is_http'
    when octet_length(new.description) > 1024 then 'endpoints_description_is_at_most_1_kib'
    when octet_length(new.secret) not between 1 and case when left(new.secret, 7) = 'sealed:' then 1024 else 512 end
      then 'endpoints_secret_is_1_to_512_bytes'
    -- Standard Webhooks: 24 to 64 bytes of key in base64.
    when new.secret ~ '^whsec_'
      and new.secret !~ '^whsec_([A-Za-z0-9+/]{4}){8,21}([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$'
      then 'endpoints_secret_is_base64_after_whsec'
    when left(new.secret, 7) = 'sealed:' and new.secret !~ '^sealed:v1:[A-Za-z0-9._-]{1,32}:[A-Za-z0-9+/]{38,}={0,2}$'
      then 'endpoints_secret_is_not_like_sealed'
    -- Standard Webhooks: 32 bytes of seed and 32 of public key in base64.
    when new.secret ~ '^whsk_' and new.secret !~ '^whsk_[A-Za-z0-9+/]{86}==$'
      then 'endpoints_secret_is_ed25519_after_whsk'
    when new.public_key !~ '^whpk_[A-Za-z0-9+/]{43}=$' then 'endpoints_public_key_is_ed25519'
    when new.former_secrets is not null
      and case
        when jsonb_typeof(new.former_secrets) = 'array' then jsonb_array_length(new.former_secrets) not between 1 and 2
        else true
      end
      then 'endpoints_former_secrets_are_at_most_2'
    when new.max_in_flight not between 1 and 10000 then 'endpoints_max_in_flight_is_1_to_10000'
    when new.rate_limit_per_s not between 0.001 and 10000 then 'endpoints_rate_limit_per_s_is_0_001_to_10000'
    -- A lease lasts longer than any request can.
    when new.timeout_ms not between 100 and 60000 then 'endpoints_timeout_ms_is_100_to_60000'
    when coalesce(array_ndims(new.retry_schedule_s), 1) <> 1
      or cardinality(new.retry_schedule_s) > 99
      or array_position(new.retry_schedule_s, null) is not null
      or not (0 <= all (new.retry_schedule_s))
      or not (2592000 >= all (new.retry_schedule_s))
      then 'endpoints_retry_schedule_s_is_0_to_99_delays_of_at_most_30_days'
    when new.headers is null then null
    when headers is null and (new.headers #>> '{}') !~ '^sealed:v1:[A-Za-z0-9._-]{1,32}:[A-Za-z0-9+/]{38,}={0,2}$'
      or jsonb_typeof(new.headers) not in ('object', 'string')
      then 'endpoints_headers_is_object'
    when octet_length(new.headers::text) > case when headers is null then 12288 else 8192 end
      then 'endpoints_headers_are_at_most_8_kib'
    when jsonb_path_exists(headers, 'strict $.* ? (@.type() != "string")') then 'endpoints_headers_values_are_strings'
    when jsonb_path_exists(headers, '$.* ? (@ like_regex "[^ -~]" flag "s")')
      then 'endpoints_headers_values_are_printable_ascii'
    when jsonb_path_exists(
      headers, '$.keyvalue() ? (!(@.key like_regex "^[-!#$%&''*+.^_`|~0-9A-Za-z]{1,128}$" flag "s"))')
      then 'endpoints_headers_names_are_tokens'
    when headers is not null and not posthorn.header_names_are_unique(headers) then 'endpoints_headers_names_are_unique'
    when jsonb_path_exists(headers, '$.keyvalue() ? (@.key like_regex
      "^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-length|content-type|content-encoding|accept-encoding|cookie|idempotency-key|traceparent|webhook-.*|x-webhook-.*)$" flag "is")')
      then 'endpoints_headers_names_are_not_reserved'
  end;
  if broken is null then
    return new;
  end if;
  raise check_violation using
    constraint = broken, schema = 'posthorn', table = 'endpoints',
    message = format('Cannot save the endpoint as the rule %s must hold: current value is not shown', broken);
end
$$;

-- The last by its name, so that it judges what the others have made of the row. Always: not only in sessions of origin.
create trigger endpoint_rules
  before insert or update on posthorn.endpoints
  for each row
  execute function posthorn.endpoint_keeps_rules();

alter table posthorn.endpoints enable always trigger endpoint_rules;

revoke execute on function posthorn.endpoint_keeps_rules() from public;

-- With which keys what is secret about endpoints is sealed; a null is plain text. Names no secret.
create view posthorn.secret_keys as
select key_id, count(distinct id)::integer as endpoints
from (
  select id, secret as kept
  from posthorn.endpoints
  where secret is not null
  union all
  select e.id, former ->> 'secret'
  from posthorn.endpoints as e
  cross join lateral jsonb_array_elements(
    case jsonb_typeof(e.former_secrets) when 'array' then e.former_secrets else '[]' end
  ) as former
  union all
  select id, case jsonb_typeof(headers) when 'string' then headers #>> '{}' else '' end
  from posthorn.endpoints
  where headers <> '{}'
) as secrets
cross join lateral (
  select case when starts_with(kept, 'sealed:') then split_part(kept, ':', 3) end as key_id
) as key
group by key_id;

-- How the sealing is doing; one row, kept by the task posthorn:secrets.
create table posthorn.sealing (
  is_only_row boolean not null default true,
  -- Of the key that seals; null when there is none.
  key_id text,
  started_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  -- Endpoints to be sealed with it when it began, and since.
  total integer not null default 0,
  done integer not null default 0,
  plain integer not null default 0,
  -- Needed, and not in the key ring or not the ones that sealed.
  missing_keys text[] not null default '{}',
  -- In the key ring, and not needed any more.
  removable_keys text[] not null default '{}',
  constraint sealing_pkey primary key (is_only_row),
  constraint sealing_has_one_row check (is_only_row)
);

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
    as former_secrets
from posthorn.endpoints;

comment on view posthorn.secret_keys is 'With which keys the secrets of endpoints are sealed; null: plain text.';
comment on table posthorn.sealing is 'How far the secrets of endpoints are sealed with the current key.';
