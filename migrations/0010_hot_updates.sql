-- Room on their pages for the one update that each row gets, so that it writes no index.
--
-- An attempt grows by half when its result is recorded: of the updates at fillfactor 50 were 88 to 90 % HOT, at 40 are all,
-- and a delivery writes 30 bytes of WAL less for 23 bytes more on disk. A leased row of the queue stays as large as it was,
-- but for the free space that a page cannot use: 99.7 % at 50, all at 45.

create or replace function posthorn.make_partitions(day date) returns integer
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  parent record;
  partition_name text;
  lower_bound uuid := posthorn.uuid_floor(day::timestamp at time zone 'UTC');
  upper_bound uuid := posthorn.uuid_floor((day + 1)::timestamp at time zone 'UTC');
  made integer := 0;
begin
  -- One maker at a time; the others then find the work done.
  perform pg_advisory_xact_lock(1886352244, 0);
  for parent in
    select *
    from (values
      ('outbox', 'id', ''),
      ('attempts', 'webhook_id', 'with (fillfactor = 40)'),
      ('outcomes', 'webhook_id', '')
    ) as parents (name, key, storage)
  loop
    partition_name := format('%s_%s', parent.name, to_char(day, 'YYYYMMDD'));
    continue when to_regclass(format('posthorn.%I', partition_name)) is not null;
    execute format('create table posthorn.%I (like posthorn.%I including all) %s',
      partition_name, parent.name, parent.storage);
    execute format(
      'with moved as (delete from posthorn.%I where %I >= %L and %I < %L returning *)
       insert into posthorn.%I select * from moved',
      parent.name || '_default', parent.key, lower_bound, parent.key, upper_bound, partition_name);
    -- Known to hold, so that ATTACH need not read the rows again.
    execute format('alter table posthorn.%I attach partition posthorn.%I for values from (%L) to (%L)',
      parent.name, partition_name, lower_bound, upper_bound);
    made := made + 1;
  end loop;
  return made;
end
$$;

do $$
declare
  partition regclass;
begin
  for partition in select inhrelid::regclass from pg_inherits where inhparent = 'posthorn.attempts'::regclass loop
    execute format('alter table %s set (fillfactor = 40)', partition);
  end loop;
end
$$;

alter table posthorn.queue set (fillfactor = 45);
