-- The rules for endpoints. They are a trigger and not CHECKs, because the error of a CHECK repeats the whole row with
-- its secrets. See outbox_keeps_rules().
create or replace function posthorn.endpoint_keeps_rules() returns trigger
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
    when new.tenant is null or octet_length(new.tenant) > 255 or new.tenant ~ '[[:cntrl:]]'
      then 'endpoints_tenant_is_at_most_255_bytes'
    when new.tenant = '*' then 'endpoints_tenant_is_one'
    when num_nulls(
      new.description, new.status, new.status_since, new.ordered, new.gone_answers, new.catching_up, new.created_at,
      new.updated_at) > 0
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
    when posthorn.names_reserved_header(headers) then 'endpoints_headers_names_are_not_reserved'
  end;
  if broken is null then
    return new;
  end if;
  raise check_violation using
    constraint = broken, schema = 'posthorn', table = 'endpoints',
    message = format('new row for relation "endpoints" violates check constraint "%s"', broken),
    detail = 'The values of the row are not shown, because they may be secret.',
    hint = case
      when broken in ('endpoints_id_is_given', 'endpoints_id_is_uuid_v7') then 'Leave id out: it has a default.'
      when broken = 'endpoints_defaults_are_not_null' then 'Leave the columns out: they have defaults.'
      when broken = 'endpoints_headers_is_object'
        then 'Give a JSON object such as {"X-Shop": "a"}, as jsonb and not as a JSON string; NULL means no headers.'
      when broken = 'endpoints_headers_values_are_strings' then 'Write a number as a string: {"X-Count": "1"}.'
      else 'docs/endpoints.md has the settings of an endpoint.'
    end;
end
$$;

-- The name sorts last, so that it checks the row after the other triggers have changed it. "Always": not only in
-- sessions of origin.
create or replace trigger endpoint_rules
  before insert or update on posthorn.endpoints
  for each row
  execute function posthorn.endpoint_keeps_rules();

alter table posthorn.endpoints enable always trigger endpoint_rules;

revoke execute on function posthorn.endpoint_keeps_rules() from public;
