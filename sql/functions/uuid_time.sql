-- The time in a UUID v7. Postgres 17 reads it itself, but returns null for a UUID of another variant.
do $do$
begin
  if to_regproc('pg_catalog.uuid_extract_timestamp') is not null then
    create or replace function posthorn.uuid_time(id uuid) returns timestamptz
      language sql immutable strict parallel safe
      return coalesce(
        pg_catalog.uuid_extract_timestamp(id),
        pg_catalog.to_timestamp(
          ('x' || pg_catalog.left(pg_catalog.replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0));
  else
    create or replace function posthorn.uuid_time(id uuid) returns timestamptz
      language sql immutable strict parallel safe
      return pg_catalog.to_timestamp(
        ('x' || pg_catalog.left(pg_catalog.replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0);
  end if;
end
$do$;

comment on function posthorn.uuid_time(uuid) is 'The time in a UUID v7.';
