-- Ends every hold: from now on this database sends. If an environment is given ('' for none), the database belongs to
-- it.
create or replace function posthorn.resume(environment text default null) returns void
  language sql
  set search_path = pg_catalog, pg_temp
  as $$
    insert into posthorn.identity as i (system_identifier, database_oid, environment, recorded_at)
    select posthorn.system_identifier(), d.oid, nullif(resume.environment, ''), clock_timestamp()
    from pg_database as d
    where d.datname = current_database()
    on conflict (is_only) do update
      set
        system_identifier = excluded.system_identifier,
        database_oid = excluded.database_oid,
        environment = case when resume.environment is null then i.environment else excluded.environment end,
        recorded_at = excluded.recorded_at,
        held_since = null,
        held_because = null
  $$;

revoke execute on function posthorn.resume(text) from public;

comment on function posthorn.resume is 'Ends every hold: from now on this database sends.';
