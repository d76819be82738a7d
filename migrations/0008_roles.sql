-- What roles other than the owner need: `posthorn roles` makes them and grants them their rights.

-- The body of an SQL function that is given as text is parsed when it runs, with the caller's search_path: a producer with a
-- schema of its own could put an operator before the built-in one, and so pass a CHECK that calls the function. These are
-- parsed now, once and for all, and can still be inlined.
do $do$
begin
  if to_regproc('pg_catalog.uuidv7') is not null then
    create or replace function posthorn.uuid_v7() returns uuid
      language sql volatile parallel safe
      return pg_catalog.uuidv7();
  else
    create or replace function posthorn.uuid_v7() returns uuid
      language sql volatile parallel safe
      begin atomic
        select pg_catalog.encode(
          pg_catalog.overlay(
            pg_catalog.overlay(
              pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
              pg_catalog.substring(pg_catalog.int8send(us / 1000), 3),
              1, 6),
            -- Version 7, and the rest of the millisecond in 12 bits.
            pg_catalog.int2send((28672 + (us % 1000) * 4096 / 1000)::smallint),
            7, 2),
          'hex')::uuid
        from (
          select pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::bigint as us
        ) as time;
      end;
  end if;
end
$do$;

create or replace function posthorn.uuid_floor(at timestamptz) returns uuid
  language sql immutable strict parallel safe
  return (pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.floor(extract(epoch from at) * 1000)::bigint), 12, '0')
    || '00000000000000000000')::uuid;

create or replace function posthorn.uuid_time(id uuid) returns timestamptz
  language sql immutable strict parallel safe
  return pg_catalog.to_timestamp(
    ('x' || pg_catalog.left(pg_catalog.replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0);

-- The first 8 bytes of a SHA-256: of Postgres' own hash functions anybody could compute a URL that has the lane of another,
-- and whoever shares a lane shares its breaker, its pauses and its slots (ADR 17). The URL becomes bytes by decode(), because
-- convert_to() is not immutable, and with it this could not be inlined.
create or replace function posthorn.lane_of(url text) returns bigint
  language sql immutable strict parallel safe
  return ('x' || pg_catalog.left(
    pg_catalog.encode(
      pg_catalog.sha256(pg_catalog.decode(pg_catalog.replace(pg_catalog.split_part(url, '?', 1), e'\\', e'\\\\'), 'escape')),
      'hex'),
    16))::bit(64)::bigint;

create or replace function posthorn.lane_of(endpoint_id uuid) returns bigint
  language sql immutable strict parallel safe
  return ('x' || pg_catalog.left(
    pg_catalog.encode(pg_catalog.sha256('endpoint '::bytea || pg_catalog.uuid_send(endpoint_id)), 'hex'),
    16))::bit(64)::bigint;

create or replace function posthorn.header_names_are_unique(headers jsonb) returns boolean
  language sql immutable parallel safe
  begin atomic
    select pg_catalog.count(*) = pg_catalog.count(distinct pg_catalog.lower(name))
    from pg_catalog.jsonb_object_keys(
      case when pg_catalog.jsonb_typeof(headers) = 'object' then headers else '{}' end) as name;
  end;

-- Making and dropping partitions takes the owner of the tables, and a worker, which talks to strangers all day, should
-- not be that: an owner can drop everything, disable the triggers and rewrite what acts with the owner's rights. So these
-- three act with the owner's rights, and whoever may call them can do that much and no more.
alter function posthorn.make_partitions(date) security definer;
alter function posthorn.drop_partitions(date) security definer;
alter function posthorn.days_without_partition() security definer;

revoke execute on function
  posthorn.make_partitions(date),
  posthorn.drop_partitions(date),
  posthorn.days_without_partition()
from public;

-- The tables as a reader may see them: no body, secret, header, query string, nor what receivers answered.

create view posthorn.redacted_outbox as
select
  id,
  split_part(url, '?', 1) as url,
  endpoint_id,
  octet_length(body) as body_bytes,
  secret is not null as has_secret,
  content_type,
  priority,
  send_at,
  max_attempts,
  idempotency_key,
  traceparent,
  created_at
from posthorn.outbox;

create view posthorn.redacted_attempts as
select
  webhook_id,
  number,
  worker,
  started_at,
  finished_at,
  created_at,
  duration_ms,
  status_code,
  error,
  error_message,
  octet_length(response_body) as response_body_bytes,
  response_truncated
from posthorn.attempts;

create view posthorn.redacted_endpoints as
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
  updated_at
from posthorn.endpoints;

-- posthorn.webhooks but for the query strings. A migration that makes that view anew makes this one anew, too.
create view posthorn.redacted_webhooks as
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
  lane
from posthorn.webhooks;

comment on view posthorn.redacted_outbox is 'posthorn.outbox without bodies, secrets, headers and query strings.';
comment on view posthorn.redacted_attempts is 'posthorn.attempts without what receivers answered.';
comment on view posthorn.redacted_endpoints is 'posthorn.endpoints without secrets and query strings.';
comment on view posthorn.redacted_webhooks is 'posthorn.webhooks without query strings.';
