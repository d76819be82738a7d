-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- The lane of a URL: all webhooks to one address share its slots. It is computed, so that no shared row is read.
--
-- It is the first 8 bytes of a SHA-256. With Postgres' own hash functions, an attacker could compute a URL with the
-- same lane as another, and such URLs share the lane's breaker, its pauses and its slots (ADR 17). decode() turns the
-- URL into bytes, because convert_to() is not immutable and would prevent inlining.
create or replace function posthorn.lane_of(url text) returns bigint
  language sql immutable strict parallel safe
  return ('x' || pg_catalog.left(
    pg_catalog.encode(
      pg_catalog.sha256(pg_catalog.decode(pg_catalog.replace(pg_catalog.split_part(url, '?', 1), e'\\', e'\\\\'), 'escape')),
      'hex'),
    16))::bit(64)::bigint;

-- The lane of a registered endpoint: it stays the same when the URL is changed.
create or replace function posthorn.lane_of(endpoint_id uuid) returns bigint
  language sql immutable strict parallel safe
  return ('x' || pg_catalog.left(
    pg_catalog.encode(pg_catalog.sha256('endpoint '::bytea || pg_catalog.uuid_send(endpoint_id)), 'hex'),
    16))::bit(64)::bigint;
