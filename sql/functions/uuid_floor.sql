-- The smallest UUID v7 of a time: the boundary between two days' partitions.
create or replace function posthorn.uuid_floor(at timestamptz) returns uuid
  language sql immutable strict parallel safe
  return (pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.floor(extract(epoch from at) * 1000)::bigint), 12, '0')
    || '00000000000000000000')::uuid;

comment on function posthorn.uuid_floor(timestamptz) is 'The smallest UUID v7 of a time: for id >= posthorn.uuid_floor(now() - interval ''1 day'').';
