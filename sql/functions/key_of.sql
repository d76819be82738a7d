-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- The key of something that webhooks go to: the first 8 bytes of the SHA-256 of its name. With Postgres' own hash
-- functions, an attacker could compute a name with the same key as another, and such names would share what belongs to a
-- key: a breaker, pauses and slots (ADR 17). decode() turns the name into bytes, because convert_to() is not immutable
-- and would prevent inlining.
create or replace function posthorn.key_of(name text) returns bigint
  language sql immutable strict parallel safe
  return ('x' || pg_catalog.left(
    pg_catalog.encode(
      pg_catalog.sha256(pg_catalog.decode(pg_catalog.replace(name, e'\\', e'\\\\'), 'escape')),
      'hex'),
    16))::bit(64)::bigint;

comment on function posthorn.key_of(text) is 'The key of a name: 8 bytes of its SHA-256.';
