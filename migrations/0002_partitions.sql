-- Partitions by day (UTC), named <table>_<yyyymmdd>.

-- Makes the partitions of one day where they are missing; says how many it made.
--
-- A partition is made aside and then attached: CREATE TABLE ... PARTITION OF would lock all readers and writers of the
-- parent out, ATTACH does not. Rows that had to go to the default partition meanwhile are moved first.
create function posthorn.make_partitions(day date) returns integer
  language plpgsql
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
      -- An attempt is updated once, soon: half of a page is left free so that 9 of 10 updates are HOT (at 80, 1 of 3).
      ('attempts', 'webhook_id', 'with (fillfactor = 50)'),
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

-- Drops a day of history, if all its webhooks have ended; says whether it did.
create function posthorn.drop_partitions(day date) returns boolean
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  parent text;
  lower_bound uuid := posthorn.uuid_floor(day::timestamp at time zone 'UTC');
  upper_bound uuid := posthorn.uuid_floor((day + 1)::timestamp at time zone 'UTC');
begin
  perform pg_advisory_xact_lock(1886352244, 0);
  -- Looked for before any table is locked, because it reads the whole queue. Nothing is added later: the trigger refuses
  -- ids that are not of today.
  if exists (
    select
    from posthorn.queue
    where (webhook_id >= lower_bound and webhook_id < upper_bound)
      or (outbox_id >= lower_bound and outbox_id < upper_bound)
  ) then
    return false;
  end if;
  -- DROP locks the parent after the partition, a claim the other way round. With the parents first nobody deadlocks.
  lock table only posthorn.outbox, only posthorn.attempts, only posthorn.outcomes in access exclusive mode;
  foreach parent in array array['attempts', 'outcomes', 'outbox'] loop
    execute format('drop table if exists posthorn.%I', format('%s_%s', parent, to_char(day, 'YYYYMMDD')));
  end loop;
  return true;
end
$$;

-- The days that have a partition, oldest first.
create function posthorn.partition_days() returns setof date
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

-- The time in a UUID v7.
create function posthorn.uuid_time(id uuid) returns timestamptz
  language sql immutable strict parallel safe
  as $$
    select pg_catalog.to_timestamp(
      ('x' || pg_catalog.left(pg_catalog.replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
  $$;

-- From which day on the history is whole: of the days before it, those without a partition have been dropped. One row.
create table posthorn.history (
  is_only boolean not null default true,
  whole_from date not null default 'epoch',
  constraint history_pkey primary key (is_only),
  constraint history_has_one_row check (is_only)
);

insert into posthorn.history default values;

comment on table posthorn.history is 'From which day on the history is whole; what was finished before has been dropped.';

-- The least id of the whole history: of what has a lesser one, only unfinished webhooks and those that ended lately are there.
create function posthorn.history_floor() returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select posthorn.uuid_floor(
      greatest(h.whole_from, (select min(day) from posthorn.partition_days() as day))::timestamp at time zone 'UTC')
    from posthorn.history as h
  $$;

revoke execute on function posthorn.history_floor() from public;

-- The days of what went to the default partitions because nobody had made theirs; normally none. Days that
-- were dropped are left out: their unfinished webhooks stay in the default partitions. Reads one row of each day.
create function posthorn.days_without_partition() returns setof date
  language sql stable
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
      -- Of the last day that a UUID can tell there is none.
      where next_day.id > stranded.id
    )
    select (posthorn.uuid_time(id) at time zone 'UTC')::date as day
    from stranded
    where id is not null
    order by day
  $$;

-- Yesterday's too: a transaction that began before midnight may bring its ids along.
select posthorn.make_partitions((now() at time zone 'UTC')::date + ahead) from generate_series(-1, 3) as ahead;
