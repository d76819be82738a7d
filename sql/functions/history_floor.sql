-- The least id of the whole history: of webhooks with a lesser one, only the unfinished ones and those that ended lately are there.
create or replace function posthorn.history_floor() returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select posthorn.uuid_floor(
      greatest(h.whole_from, (select min(day) from posthorn.partition_days() as day))::timestamp at time zone 'UTC')
    from posthorn.history as h
  $$;

revoke execute on function posthorn.history_floor() from public;
