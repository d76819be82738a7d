-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- The lane of a URL: all webhooks to one address share its slots. It is computed, so that no shared row is looked up.
--
-- The first 8 bytes of a SHA-256: with Postgres' own hash functions anybody could compute a URL that has the lane of another,
-- and URLs that share a lane share its breaker, its pauses and its slots (ADR 17). The URL becomes bytes by decode(), because
-- convert_to() is not immutable, and with it this could not be inlined.
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
