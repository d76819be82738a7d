-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- Makes a UUID v7. Postgres 18 has its own function; before that, the time is written over a random UUID. The time is
-- exact to a quarter of a microsecond, so that the ids of one statement are in order, as are those of Postgres 18.
--
-- The body of an SQL function that is given as text is parsed when it runs, with the caller's search_path: a producer
-- with its own schema could put an operator before the built-in one, and so pass a CHECK that calls the function. This
-- body, like that of every SQL function that does not set search_path, is parsed when it is created, and can still be
-- inlined.
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

comment on function posthorn.uuid_v7() is 'A new UUID v7.';
