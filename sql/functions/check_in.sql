-- The same as held(), for a worker that is about to send: the first worker records the identity of the database.
create or replace function posthorn.check_in(environment text)
  returns table (kind text, reason text, since timestamptz)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if not exists (
    select
    from posthorn.identity as i
    where i.recorded_at is not null and (i.environment is not null or check_in.environment = '')
  ) then
    insert into posthorn.identity as i (system_identifier, database_oid, environment, recorded_at)
    select posthorn.system_identifier(), d.oid, nullif(check_in.environment, ''), clock_timestamp()
    from pg_database as d
    where d.datname = current_database()
    on conflict (is_only) do update
      set
        system_identifier = excluded.system_identifier,
        database_oid = excluded.database_oid,
        environment = excluded.environment,
        recorded_at = excluded.recorded_at
      where i.recorded_at is null
        -- The environment has been named since. A copy does not name the original's environment.
        or i.environment is null
          and i.database_oid = excluded.database_oid
          and i.system_identifier is not distinct from excluded.system_identifier;
  end if;
  return query select h.kind, h.reason, h.since from posthorn.held(check_in.environment) as h;
end
$$;

comment on function posthorn.check_in(text) is 'The same as posthorn.held(), for a worker that starts: the first one records the identity of the database.';

revoke execute on function posthorn.check_in(text) from public;
