-- The tables of Posthorn. A table for each thing that is true of a webhook; a change of state is a row that moves.
--
-- outbox    what the producer said; inserted, never updated
-- queue     what is still to be done; a narrow row per unfinished webhook, deleted when it ends
-- attempts  what was tried; a row per HTTP request, inserted before the request
-- outcomes  how it ended; a row per finished webhook
--
-- outbox, attempts and outcomes are partitioned by day on the webhook's id (UUID v7, whose first 48 bits are the
-- time in ms), so that old history is dropped and not deleted. The default partitions stay empty as long as the
-- maintenance runs; they are there so that a producer's insert never fails for want of a partition.

-- Why these types: an enum takes 4 bytes, reads as text in psql, and refuses what is not in it.
create type posthorn.webhook_status as enum ('pending', 'delivering', 'delivered', 'failed', 'cancelled');

-- Postgres 18 makes UUID v7 itself; before that, the time is laid over a random UUID and the version set from 4 to 7.
do $do$
begin
  if to_regproc('pg_catalog.uuidv7') is not null then
    create function posthorn.uuid_v7() returns uuid
      language sql volatile parallel safe
      as 'select pg_catalog.uuidv7()';
  else
    create function posthorn.uuid_v7() returns uuid
      language sql volatile parallel safe
      as $sql$
        select pg_catalog.encode(
          pg_catalog.set_bit(
            pg_catalog.set_bit(
              pg_catalog.overlay(
                pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
                pg_catalog.substring(
                  pg_catalog.int8send(
                    pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp()) * 1000)::bigint),
                  3),
                1, 6),
              52, 1),
            53, 1),
          'hex')::uuid
      $sql$;
  end if;
end
$do$;

-- The least UUID v7 of a time: the bound between two days' partitions.
create function posthorn.uuid_floor(at timestamptz) returns uuid
  language sql immutable strict parallel safe
  as $$
    select (pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.floor(extract(epoch from at) * 1000)::bigint), 12, '0')
      || '00000000000000000000')::uuid
  $$;

-- The lane of a URL: all that goes to one endpoint shares its slots. A hash, so that no shared row is looked up.
create function posthorn.lane_of(url text) returns bigint
  language sql immutable strict parallel safe
  as $$ select pg_catalog.hashtextextended(pg_catalog.split_part(url, '?', 1), 0) $$;

-- Header names differ in more than their case.
create function posthorn.header_names_are_unique(headers jsonb) returns boolean
  language sql immutable parallel safe
  as $$
    select pg_catalog.count(*) = pg_catalog.count(distinct pg_catalog.lower(name))
    from pg_catalog.jsonb_object_keys(
      case when pg_catalog.jsonb_typeof(headers) = 'object' then headers else '{}' end) as name
  $$;

create table posthorn.outbox (
  id uuid not null default posthorn.uuid_v7(),
  url text not null,
  body text,
  headers jsonb,
  secret text,
  content_type text default 'application/json',
  priority text default 'normal',
  send_at timestamptz,
  max_attempts integer,
  idempotency_key text,
  traceparent text,
  created_at timestamptz default clock_timestamp(),
  constraint outbox_pkey primary key (id),
  constraint outbox_id_is_uuid_v7 check (get_byte(uuid_send(id), 6) >> 4 = 7),
  constraint outbox_url_is_http check (
    url ~* '^https?://([^[:space:][:cntrl:]/?#@\\:]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'),
  constraint outbox_url_is_at_most_2048_bytes check (octet_length(url) <= 2048),
  constraint outbox_body_is_at_most_1_mib check (octet_length(body) <= 1048576),
  constraint outbox_headers_is_object check (jsonb_typeof(headers) = 'object'),
  constraint outbox_headers_are_at_most_8_kib check (octet_length(headers::text) <= 8192),
  constraint outbox_headers_values_are_strings check (
    not jsonb_path_exists(headers, '$.* ? (@.type() != "string")')),
  -- flag "s": without it a negated class does not match a line feed, and a header could be smuggled in.
  constraint outbox_headers_values_are_printable_ascii check (
    not jsonb_path_exists(headers, '$.* ? (@ like_regex "[^ -~]" flag "s")')),
  constraint outbox_headers_names_are_tokens check (
    not jsonb_path_exists(headers, '$.keyvalue() ? (!(@.key like_regex "^[-!#$%&''*+.^_`|~0-9A-Za-z]{1,128}$" flag "s"))')),
  constraint outbox_headers_names_are_unique check (headers is null or posthorn.header_names_are_unique(headers)),
  -- What the connection or Posthorn itself sets. Host would also choose the name that the certificate is checked for.
  constraint outbox_headers_names_are_not_reserved check (
    not jsonb_path_exists(headers, '$.keyvalue() ? (@.key like_regex
      "^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-length|content-type|content-encoding|accept-encoding|cookie|idempotency-key|traceparent|webhook-.*|x-webhook-.*)$" flag "is")')),
  constraint outbox_secret_is_1_to_512_bytes check (octet_length(secret) between 1 and 512),
  -- Standard Webhooks: 24 to 64 bytes of key in base64.
  constraint outbox_secret_is_base64_after_whsec check (
    secret !~ '^whsec_'
    or secret ~ '^whsec_([A-Za-z0-9+/]{4}){8,21}([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$'),
  constraint outbox_content_type_is_media_type check (
    content_type ~ '^[-!#$%&''*+.^_`|~0-9A-Za-z]+/[-!#$%&''*+.^_`|~0-9A-Za-z]+( *;[ -~]*)?$'
    and octet_length(content_type) <= 255),
  constraint outbox_priority_is_high_normal_or_low check (priority in ('high', 'normal', 'low')),
  constraint outbox_send_at_is_within_a_year check (isfinite(send_at) and send_at - created_at < interval '366 days'),
  constraint outbox_created_at_is_finite check (isfinite(created_at)),
  constraint outbox_max_attempts_is_1_to_100 check (max_attempts between 1 and 100),
  constraint outbox_idempotency_key_is_1_to_255_printable_ascii check (idempotency_key ~ '^[ -~]{1,255}$'),
  constraint outbox_traceparent_is_w3c check (traceparent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
) partition by range (id);

create table posthorn.outbox_default partition of posthorn.outbox default;

-- A lease is attempts, lease_until and leased_by: none of them is indexed, so taking and giving one back are HOT
-- updates, for which half of each page is left free. Emptied and filled all day: it is vacuumed by count, not by share.
create table posthorn.queue (
  webhook_id uuid not null,
  outbox_id uuid not null,
  lane bigint not null,
  due_at timestamptz not null,
  lease_until timestamptz,
  leased_by integer,
  priority smallint not null,
  attempts smallint not null default 0,
  -- Attempts that are not the webhook's fault (a killed worker, no file descriptor left): they do not count.
  uncounted smallint not null default 0,
  constraint queue_pkey primary key (webhook_id)
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 20000,
  autovacuum_vacuum_insert_threshold = -1
);

-- Each index has an always-true predicate of its own, repeated in its query. Without them, statistics taken while the
-- queue was empty let the planner take one index in place of the other: claims of 5 to 7 s instead of 30 ms.
create index queue_for_claim on posthorn.queue (lane, priority, due_at) where priority < 1000;
create index queue_for_discovery on posthorn.queue (due_at) where priority > -1;

create table posthorn.attempts (
  webhook_id uuid not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  duration_ms real,
  worker integer not null,
  number smallint not null,
  status_code smallint,
  response_truncated boolean,
  error text,
  error_message text,
  response_body text,
  constraint attempts_pkey primary key (webhook_id, number)
) partition by range (webhook_id);

create table posthorn.attempts_default partition of posthorn.attempts default;

create table posthorn.outcomes (
  webhook_id uuid not null,
  outbox_id uuid not null,
  lane bigint not null,
  finished_at timestamptz not null default clock_timestamp(),
  status posthorn.webhook_status not null,
  attempts smallint not null,
  last_status_code smallint,
  reason text,
  constraint outcomes_pkey primary key (webhook_id),
  constraint outcomes_status_is_final check (status in ('delivered', 'failed', 'cancelled'))
) partition by range (webhook_id);

create index outcomes_for_failures on posthorn.outcomes (webhook_id) where status = 'failed';
create index outcomes_for_cancellations on posthorn.outcomes (webhook_id) where status = 'cancelled';

create table posthorn.outcomes_default partition of posthorn.outcomes default;

create table posthorn.idempotency_keys (
  key text not null,
  webhook_id uuid not null,
  expires_at timestamptz not null,
  constraint idempotency_keys_pkey primary key (key)
);

create index idempotency_keys_for_prune on posthorn.idempotency_keys (expires_at);

-- Who works. A worker is alive as long as it holds the session advisory lock of its number; the row says who that is.
create table posthorn.workers (
  number integer not null,
  host text not null,
  pid integer not null,
  version text not null,
  graphile_pool text,
  started_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  constraint workers_pkey primary key (number)
);

comment on table posthorn.outbox is 'What producers said. INSERT here, in your own transaction; nothing else is needed.';
comment on table posthorn.queue is 'What is still to be done: a row per unfinished webhook.';
comment on table posthorn.attempts is 'What was tried: a row per HTTP request, written before the request.';
comment on table posthorn.outcomes is 'How it ended: a row per finished webhook.';
comment on table posthorn.idempotency_keys is 'Which webhook an idempotency key stands for, until it expires.';
comment on table posthorn.workers is 'The workers that were started; alive while their advisory lock is held.';
