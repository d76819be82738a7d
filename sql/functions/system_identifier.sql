-- The identifier of the server, which differs between clusters. Null when the role may not read it; by default every
-- role may.
create or replace function posthorn.system_identifier() returns bigint
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
  as $$
begin
  return (select c.system_identifier from pg_control_system() as c);
exception
  when insufficient_privilege then
    return null;
end
$$;

comment on function posthorn.system_identifier() is 'The identifier of the server. Null: the role may not read it.';

revoke execute on function posthorn.system_identifier() from public;
