-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- The rules of the outbox: returns true, or raises an error that names the broken rule. Rules for rarely used columns
-- are checked only if the column is set.
--
-- There is one CHECK that calls this function, and not one CHECK per rule, for two reasons. Postgres reads and plans
-- the CHECKs of a table again with every statement: of the 1.7 million instructions of an insert of one row, 21 CHECKs
-- took 1.1 million; the function, whose plan a session keeps, takes 0.2. And when a CHECK is broken, Postgres repeats
-- the whole row in its error and in its log; when a function raises the error it does not, so secrets and bodies do not
-- appear there. The message is the one of a broken CHECK, because Hibernate and others look for the rule's name in it.
create or replace function posthorn.outbox_keeps_rules(
  id uuid,
  url text,
  endpoint_id uuid,
  event_type text,
  tenant text,
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
    when num_nonnulls(url, endpoint_id, event_type) <> 1 then 'outbox_has_a_url_an_endpoint_id_or_an_event_type'
    -- Not as NOT NULL, whose error repeats the row with its secret.
    when body is null then 'outbox_body_is_given'
    when num_nulls(tenant, content_type, priority, created_at) > 0 then 'outbox_defaults_are_not_null'
    when octet_length(url) > 2048 then 'outbox_url_is_at_most_2048_bytes'
    -- E'' has the same meaning in a session with standard_conforming_strings off.
    when url !~* E'^https?://([^[:space:][:cntrl:]/?#@\\\\:]+|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'
      then 'outbox_url_is_http'
    when octet_length(body) > 1048576 then 'outbox_body_is_at_most_1_mib'
    when octet_length(secret) not between 1 and 512 then 'outbox_secret_is_1_to_512_bytes'
    -- Standard Webhooks: 24 to 64 bytes of key in base64. The length counts the groups of four: as a repetition in the
    -- regular expression they made this the most expensive rule, six times the URL check.
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
    when posthorn.priority_of(priority) is null then 'outbox_priority_is_high_normal_or_low'
    when not isfinite(created_at) then 'outbox_created_at_is_finite'
    when tenant <> '' and (octet_length(tenant) > 255 or tenant ~ '[[:cntrl:]]') then 'outbox_tenant_is_at_most_255_bytes'
    when tenant = '*' and event_type is null then 'outbox_tenant_is_one_unless_it_is_an_event'
  end;
  if broken is null and event_type is not null then
    broken := case
      -- [.] and not a backslash, which has another meaning in such a session.
      when octet_length(event_type) > 128 or event_type !~ '^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+){0,15}$'
        then 'outbox_event_type_is_words'
      when left(event_type, 9) = 'posthorn.' then 'outbox_event_type_is_not_reserved'
      -- Each endpoint signs with its own.
      when secret is not null then 'outbox_event_has_no_secret'
    end;
  end if;
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
      -- Flag "s": without it, a negated class does not match a line feed, so a header could be smuggled in.
      when jsonb_path_exists(headers, '$.* ? (@ like_regex "[^ -~]" flag "s")')
        then 'outbox_headers_values_are_printable_ascii'
      when jsonb_path_exists(
        headers, '$.keyvalue() ? (!(@.key like_regex "^[-!#$%&''*+.^_`|~0-9A-Za-z]{1,128}$" flag "s"))')
        then 'outbox_headers_names_are_tokens'
      when not posthorn.header_names_are_unique(headers) then 'outbox_headers_names_are_unique'
      when posthorn.names_reserved_header(headers) then 'outbox_headers_names_are_not_reserved'
    end;
  end if;
  if broken is null then
    return true;
  end if;
  raise check_violation using
    constraint = broken, schema = 'posthorn', table = 'outbox',
    message = format('new row for relation "outbox" violates check constraint "%s"', broken),
    detail = 'The values of the row are not shown, because they may be secret.',
    hint = case broken
      when 'outbox_id_is_uuid_v7'
        then 'Leave id out: it has a default. posthorn.new_webhooks and posthorn.new_events replace an id that is no UUID v7 of today.'
      when 'outbox_has_a_url_an_endpoint_id_or_an_event_type' then 'Give exactly one of url, endpoint_id and event_type.'
      when 'outbox_body_is_given' then 'Give a body; an empty text sends an empty one.'
      when 'outbox_defaults_are_not_null'
        then 'Leave tenant, content_type, priority and created_at out: they have defaults. In posthorn.new_webhooks and posthorn.new_events, NULL means the default.'
      when 'outbox_url_is_at_most_2048_bytes' then 'The url must be at most 2048 bytes in UTF-8.'
      when 'outbox_url_is_http'
        then 'The url must be an absolute http or https URL without blanks, backslashes, user name, password and fragment.'
      when 'outbox_body_is_at_most_1_mib' then 'The body must be at most 1 MiB (1048576 bytes) in UTF-8.'
      when 'outbox_secret_is_1_to_512_bytes' then 'The secret must be 1 to 512 bytes in UTF-8.'
      when 'outbox_secret_is_base64_after_whsec'
        then 'The secret must be whsec_ and 24 to 64 bytes in base64, or a text that does not begin with whsec_.'
      when 'outbox_secret_is_ed25519_after_whsk'
        then 'A secret that begins with whsk_ must go on with an Ed25519 seed and its public key (64 bytes) in base64.'
      when 'outbox_content_type_is_media_type'
        then 'The content_type must be a media type such as application/json, of at most 255 bytes of ASCII.'
      when 'outbox_priority_is_high_normal_or_low' then 'The priority must be high, normal or low.'
      when 'outbox_created_at_is_finite' then 'Leave created_at out: it has a default, and must be finite.'
      when 'outbox_tenant_is_at_most_255_bytes'
        then 'The tenant must be at most 255 bytes in UTF-8, without control characters.'
      when 'outbox_tenant_is_one_unless_it_is_an_event' then 'Only an event can go to the tenant *, which is all tenants.'
      when 'outbox_event_type_is_words'
        then 'The event_type must be 1 to 16 words of letters, digits, _ and - with dots between them, at most 128 characters, like order.paid.'
      when 'outbox_event_type_is_not_reserved'
        then 'The event_type must not begin with posthorn., as those of Posthorn itself do.'
      when 'outbox_event_has_no_secret' then 'Leave secret out: each endpoint signs with its own.'
      when 'outbox_send_at_is_within_a_year' then 'The send_at must be less than 366 days after created_at.'
      when 'outbox_max_attempts_is_1_to_100' then 'The max_attempts must be 1 to 100.'
      when 'outbox_idempotency_key_is_1_to_255_printable_ascii'
        then 'The idempotency_key must be 1 to 255 printable ASCII characters.'
      when 'outbox_traceparent_is_w3c' then 'The traceparent must be that of W3C Trace Context, in lower-case hex.'
      when 'outbox_headers_is_object'
        then 'Give headers as a JSON object such as {"X-Shop": "a"}, as jsonb and not as a JSON string; NULL means none.'
      when 'outbox_headers_are_at_most_8_kib' then 'The headers must be at most 8 KiB (8192 bytes) together, as JSON.'
      when 'outbox_headers_values_are_strings' then 'Header values must be strings: {"X-Count": "1"} and not {"X-Count": 1}.'
      when 'outbox_headers_values_are_printable_ascii'
        then 'Header values must be printable ASCII without line breaks and tabs.'
      when 'outbox_headers_names_are_tokens'
        then 'Header names must be 1 to 128 letters, digits and characters of -!#$%&''*+.^_`|~.'
      when 'outbox_headers_names_are_unique' then 'Header names must differ in more than their case.'
      when 'outbox_headers_names_are_not_reserved'
        then 'Leave out the headers that the connection or Posthorn sets itself, such as Host, Content-Type and webhook-id.'
      else 'The name of the constraint says the rule.'
    end;
end
$$;

comment on function posthorn.outbox_keeps_rules(uuid, text, uuid, text, text, text, jsonb, text, text, text, timestamptz, integer, text, text, timestamptz) is 'Checks a row of the outbox: returns true, or raises an error that names the broken rule.';
