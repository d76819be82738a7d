-- A body as JSON; null if it is not JSON that Postgres can store. Filters match nothing in such a body.
create or replace function posthorn.json_of(body text) returns jsonb
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
begin
  return body::jsonb;
exception
  -- Not JSON, a NUL character, a number that is too large, or arrays that are nested too deep.
  when data_exception or program_limit_exceeded or syntax_error_or_access_rule_violation then
    return null;
end
$$;

comment on function posthorn.json_of(text) is 'A body as JSON. Null: it is not JSON.';
