-- The days of rows that went to the default partitions because their own partitions were missing; normally there are none.
-- Days that were dropped are left out: their unfinished webhooks stay in the default partitions. Reads one row of each day.
--
-- Acts with the owner's rights, for the same reason as make_partitions().
create or replace function posthorn.days_without_partition() returns setof date
  language sql stable
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
    with recursive stranded as (
      select first.id
      from (
        select posthorn.uuid_floor(whole_from::timestamp at time zone 'UTC') as id from posthorn.history
      ) as oldest
      cross join lateral (
        select least(
          (select id from posthorn.outbox_default where id >= oldest.id order by id limit 1),
          (select webhook_id from posthorn.attempts_default where webhook_id >= oldest.id order by webhook_id limit 1),
          (select webhook_id from posthorn.outcomes_default where webhook_id >= oldest.id order by webhook_id limit 1)) as id
      ) as first
      union all
      select later.id
      from stranded
      cross join lateral (
        select posthorn.uuid_floor(
          date_trunc('day', posthorn.uuid_time(stranded.id), 'UTC') + interval '24 hours') as id
      ) as next_day
      cross join lateral (
        select least(
          (select id from posthorn.outbox_default where id >= next_day.id order by id limit 1),
          (select webhook_id from posthorn.attempts_default where webhook_id >= next_day.id order by webhook_id limit 1),
          (select webhook_id from posthorn.outcomes_default where webhook_id >= next_day.id order by webhook_id limit 1)) as id
      ) as later
      -- After the last day that a UUID can express there is no next id.
      where next_day.id > stranded.id
    )
    select (posthorn.uuid_time(id) at time zone 'UTC')::date as day
    from stranded
    where id is not null
    order by day
  $$;

comment on function posthorn.days_without_partition() is 'The days with rows in the default partitions because their own partitions are missing.';

revoke execute on function posthorn.days_without_partition() from public;
