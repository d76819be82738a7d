-- Holds the database: within seconds all workers stop sending, and a worker that starts sends nothing.
create or replace function posthorn.hold(reason text default null) returns void
  language sql
  set search_path = pg_catalog, pg_temp
  as $$
    insert into posthorn.identity as i (held_since, held_because)
    values (clock_timestamp(), hold.reason)
    on conflict (is_only) do update
      set held_since = coalesce(i.held_since, excluded.held_since), held_because = excluded.held_because
  $$;

revoke execute on function posthorn.hold(text) from public;

comment on function posthorn.hold is 'Holds the database until posthorn.resume().';
