-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- The key of the origin of a URL: its scheme, host and port, in lower case and without the scheme's own port. All lanes of
-- an origin share a connection's fate, so they share its slots and its breaker.
create or replace function posthorn.origin_of(url text) returns bigint
  language sql immutable strict parallel safe
  return posthorn.key_of('origin ' || case
    when pg_catalog.left(pg_catalog.lower(url collate "C"), 6) = 'https:'
      then pg_catalog.replace(
        'https://' || pg_catalog.lower(pg_catalog.split_part(pg_catalog.split_part(url, '/', 3), '?', 1) collate "C") || '/',
        ':443/', '/')
    else pg_catalog.replace(
      'http://' || pg_catalog.lower(pg_catalog.split_part(pg_catalog.split_part(url, '/', 3), '?', 1) collate "C") || '/',
      ':80/', '/')
  end);
