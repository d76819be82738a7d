-- Parses a time in JSON; null: it is not a time, or is infinite, so that one odd row does not make a list fail.
create or replace function posthorn.time_of(text text) returns timestamptz
  language plpgsql stable strict
  set search_path = pg_catalog, pg_temp
  as $$
begin
  return nullif(nullif(text::timestamptz, 'infinity'), '-infinity');
exception
  when data_exception then
    return null;
end
$$;

comment on function posthorn.time_of(text) is 'A time in JSON. Null: it is none.';
