-- The days that have a partition, oldest first.
create or replace function posthorn.partition_days() returns setof date
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select distinct to_date(substring(child.relname from '_([0-9]{8})$'), 'YYYYMMDD') as day
    from pg_inherits as i
    join pg_class as child on child.oid = i.inhrelid
    where i.inhparent in ('posthorn.outbox'::regclass, 'posthorn.attempts'::regclass, 'posthorn.outcomes'::regclass)
      and child.relname ~ '_[0-9]{8}$'
    order by day
  $$;

comment on function posthorn.partition_days() is 'The days (UTC) that have a partition, oldest first.';
