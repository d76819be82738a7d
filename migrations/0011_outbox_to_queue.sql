-- What an insert into the outbox costs its producer.
--
-- Postgres reads and plans the CHECKs of a table anew with every statement: of the 1.7 million instructions of an insert of
-- one row, the 21 CHECKs of the outbox took 1.1 million and the trigger 0.3. One CHECK that calls a function, whose plan a
-- session keeps, takes 0.2, and the trigger now does with 0.2. The rules and their names stay as they are. When a
-- CHECK is broken Postgres repeats the whole row in its error and in its log; when a function raises the error itself it does
-- not, so that no secret and no body stands there any more.

-- True, or an error that names the rule. Rules of what is seldom given are only looked at where it is.
create function posthorn.outbox_keeps_rules(
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
    when octet_length(url) > 2048 then 'outbox_url_is_at_most_2048_bytes'
    when url !~* '^https?://([^[:space:][:cntrl:]/?#@\\:]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'
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

-- Not valid: the rows that are there were inserted under the same rules, and need not be read again.
alter table posthorn.outbox
  add constraint outbox_keeps_rules check (
    posthorn.outbox_keeps_rules(
      id, url, endpoint_id, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key, traceparent,
      created_at)) not valid,
  drop constraint outbox_id_is_uuid_v7,
  drop constraint outbox_has_a_url_or_an_endpoint_id,
  drop constraint outbox_url_is_http,
  drop constraint outbox_url_is_at_most_2048_bytes,
  drop constraint outbox_body_is_at_most_1_mib,
  drop constraint outbox_headers_is_object,
  drop constraint outbox_headers_are_at_most_8_kib,
  drop constraint outbox_headers_values_are_strings,
  drop constraint outbox_headers_values_are_printable_ascii,
  drop constraint outbox_headers_names_are_tokens,
  drop constraint outbox_headers_names_are_unique,
  drop constraint outbox_headers_names_are_not_reserved,
  drop constraint outbox_secret_is_1_to_512_bytes,
  drop constraint outbox_secret_is_base64_after_whsec,
  drop constraint outbox_content_type_is_media_type,
  drop constraint outbox_priority_is_high_normal_or_low,
  drop constraint outbox_send_at_is_within_a_year,
  drop constraint outbox_created_at_is_finite,
  drop constraint outbox_max_attempts_is_1_to_100,
  drop constraint outbox_idempotency_key_is_1_to_255_printable_ascii,
  drop constraint outbox_traceparent_is_w3c;

-- Postgres 17 reads the time in a UUID itself, but of one whose variant is another says nothing.
do $do$
begin
  if to_regproc('pg_catalog.uuid_extract_timestamp') is not null then
    create or replace function posthorn.uuid_time(id uuid) returns timestamptz
      language sql immutable strict parallel safe
      return coalesce(
        pg_catalog.uuid_extract_timestamp(id),
        pg_catalog.to_timestamp(
          ('x' || pg_catalog.left(pg_catalog.replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0));
  end if;
end
$do$;

-- As in 0006, for less: what the rows are is found out by one aggregate, and endpoints are only read where one is named.
create or replace function posthorn.outbox_to_queue() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  -- Of any of the rows: 1 due  2 an id that is not of today  4 a key  8 to an endpoint  16 to a URL
  traits integer;
  missing uuid;
begin
  select bit_or(
    case when send_at is null or send_at <= now() then 1 else 0 end
    | case when posthorn.uuid_time(id) between now() - interval '24 hours' and now() + interval '24 hours' then 0 else 2 end
    | case when idempotency_key is null then 0 else 4 end
    | case when endpoint_id is null then 16 else 8 end)
  into traits
  from new_rows;

  if traits & 2 > 0 then
    raise check_violation using
      constraint = 'outbox_id_is_of_today', schema = 'posthorn', table = 'outbox', column = 'id',
      message = 'Cannot insert into posthorn.outbox as an id must be a UUID v7 whose time is within a day of now',
      hint = 'Leave id out: it has a default.';
  end if;

  if traits & 8 > 0 then
    -- Not locked: producers wait for nobody. What is inserted while its endpoint is deleted fails as endpoint_deleted.
    select r.endpoint_id
    into missing
    from new_rows as r
    where r.endpoint_id is not null
      and coalesce((select e.status from posthorn.endpoints as e where e.id = r.endpoint_id), 'deleted') = 'deleted'
    limit 1;
    if found then
      raise foreign_key_violation using
        constraint = 'outbox_endpoint_id_is_registered', schema = 'posthorn', table = 'outbox', column = 'endpoint_id',
        message = format(
          'Cannot insert into posthorn.outbox as an endpoint_id must be that of a registered endpoint: current value is %s',
          missing);
    end if;
  end if;

  if traits & 4 > 0 then
    insert into posthorn.idempotency_keys as k (key, webhook_id, expires_at)
    select distinct on (idempotency_key) idempotency_key, id, now() + interval '7 days'
    from new_rows
    where idempotency_key is not null
    order by idempotency_key
    on conflict (key) do update
      set webhook_id = excluded.webhook_id, expires_at = excluded.expires_at
      where k.expires_at <= now();
    if exists (
      select
      from new_rows as r
      join posthorn.idempotency_keys as k on k.key = r.idempotency_key
      where k.webhook_id <> r.id
    ) then
      raise unique_violation using
        constraint = 'outbox_idempotency_key_is_unique', schema = 'posthorn', table = 'outbox', column = 'idempotency_key',
        message = 'Cannot insert into posthorn.outbox as an idempotency_key may stand for one webhook only',
        hint = 'posthorn.enqueue() returns the id of the webhook that is already there.';
    end if;
  end if;

  if traits & 16 > 0 then
    insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
    select
      id,
      id,
      posthorn.lane_of(url),
      case priority when 'high' then 0 when 'normal' then 1 else 2 end,
      greatest(send_at, clock_timestamp())
    from new_rows
    where endpoint_id is null;
  end if;

  if traits & 8 > 0 then
    insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
    select
      id,
      id,
      posthorn.lane_of(endpoint_id),
      case
        -- In the order of sending whatever the priority: one must not overtake the other.
        when (select e.ordered from posthorn.endpoints as e where e.id = new_rows.endpoint_id) then 1
        when priority = 'high' then 0
        when priority = 'normal' then 1
        else 2
      end,
      greatest(send_at, clock_timestamp())
    from new_rows
    where endpoint_id is not null;
  end if;

  -- Postgres refuses to PREPARE a transaction that has notified: whoever uses two-phase commit turns it off.
  if traits & 1 > 0
    and current_setting('posthorn.notify', true) is distinct from 'off'
    and pg_try_advisory_xact_lock(1886352244, -1)
  then
    perform pg_notify('posthorn_wake', '');
  end if;
  return null;
end
$$;
