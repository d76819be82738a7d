-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- The lane of a URL: all webhooks to one address share its slots. It is computed, so that no shared row is read.
create or replace function posthorn.lane_of(url text) returns bigint
  language sql immutable strict parallel safe
  return posthorn.key_of(pg_catalog.split_part(url, '?', 1));

-- The lane of a registered endpoint: it stays the same when the URL is changed.
create or replace function posthorn.lane_of(endpoint_id uuid) returns bigint
  language sql immutable strict parallel safe
  return ('x' || pg_catalog.left(
    pg_catalog.encode(pg_catalog.sha256('endpoint '::bytea || pg_catalog.uuid_send(endpoint_id)), 'hex'),
    16))::bit(64)::bigint;

comment on function posthorn.lane_of(text) is 'The lane of a URL.';
comment on function posthorn.lane_of(uuid) is 'The lane of a registered endpoint.';
