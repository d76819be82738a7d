-- The smallest id of the complete history: of webhooks with smaller ids, only unfinished ones and those that ended
-- recently are left.
create or replace function posthorn.history_floor() returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select posthorn.uuid_floor(
      greatest(h.whole_from, (select min(day) from posthorn.partition_days() as day))::timestamp at time zone 'UTC')
    from posthorn.history as h
  $$;

comment on function posthorn.history_floor() is 'The smallest id of the complete history.';

revoke execute on function posthorn.history_floor() from public;
