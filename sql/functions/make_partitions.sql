-- Makes the partitions of a day (UTC), named <table>_<yyyymmdd>, if they are missing; returns how many it made.
--
-- A partition is created separately and then attached, because CREATE TABLE ... PARTITION OF locks readers and writers
-- out of the parent. The rows of the day that went to a default partition in the meantime are moved into it in two
-- steps. Most of them are moved without a lock: those that will not be updated any more. Then the parents are locked
-- against writers, the new rows and those that may still be updated are moved, and the partitions are attached. Without
-- that lock, ATTACH fails when a row is committed after the move, and so does an insert that waits for ATTACH: it has
-- already chosen the default partition.
--
-- No session waits long for that lock: it is requested with a timeout of 100 ms, and not at all while a transaction has
-- held one of the tables for 100 ms already. The fifth failure is an error.
--
-- It acts with the owner's rights, like drop_partitions() and days_without_partition(), because only the owner of a
-- table may attach or drop its partitions. A worker talks to unknown servers all day and should not be the owner, who
-- can drop everything, disable the triggers and replace functions that act with the owner's rights. A role that may
-- call these three functions can do no more than that.
create or replace function posthorn.make_partitions(day date) returns integer
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  suffix constant text := to_char(day, '_YYYYMMDD');
  bounds constant uuid[] := array[
    posthorn.uuid_floor(day::timestamp at time zone 'UTC'), posthorn.uuid_floor((day + 1)::timestamp at time zone 'UTC')];
  most_tries constant integer := 5;
  lock_timeout_before constant text := current_setting('lock_timeout');
  missing text[];
  parent text;
  -- Whether rows of the day may arrive during this call: the trigger of the outbox accepts ids of at most a day from
  -- now.
  is_written boolean := day <= (now() at time zone 'UTC')::date + 1;
  holders text[];
begin
  -- One session at a time; the others then find the work done.
  perform pg_advisory_xact_lock(1886352244, 0);
  -- Not with to_regclass(): a session caches a failed lookup, and would not notice that another session made the table.
  missing := array(
    select name
    from unnest(array['outbox', 'attempts', 'outcomes']) with ordinality as parents (name, place)
    where not exists (
      select from pg_class where relnamespace = 'posthorn'::regnamespace and relname = name || suffix)
    order by place);
  foreach parent in array missing loop
    -- An attempt is updated once, soon: with this much free space per page, all updates are HOT. The CHECK lets ATTACH
    -- skip reading the rows.
    execute format(
      'create table posthorn.%1$I (like posthorn.%2$I including all, constraint is_of_its_day check (%3$I >= %4$L and %3$I < %5$L)) %6$s',
      parent || suffix, parent, case parent when 'outbox' then 'id' else 'webhook_id' end, bounds[1], bounds[2],
      case parent when 'attempts' then 'with (fillfactor = 40)' else '' end);
    if posthorn.move_stranded(parent, bounds, true) > 0 then
      is_written := true;
    end if;
  end loop;

  for tries in 1..most_tries loop
    exit when cardinality(missing) = 0;
    begin
      for look in 1..2 loop
        select array_agg(l.virtualtransaction)
        into holders
        from pg_locks as l
        join pg_class as c on c.oid = l.relation
        where l.locktype = 'relation'
          and l.granted
          and l.database = (select oid from pg_database where datname = current_database())
          and l.pid <> pg_backend_pid()
          and c.relnamespace = 'posthorn'::regnamespace
          and (
            c.relname = any (array(select name || '_default' from unnest(missing) as name))
            or (is_written and c.relname = any (missing) and l.mode not in ('AccessShareLock', 'RowShareLock'))
          )
          and (look = 1 or l.virtualtransaction = any (holders));
        exit when holders is null;
        if look = 2 then
          raise lock_not_available using
            message = format('Cannot make the partitions of %s because a transaction holds the tables that must be locked', day),
            hint = 'It is tried again. A transaction that stays open for long keeps it from being done: see pg_stat_activity.';
        end if;
        perform pg_sleep(0.1);
      end loop;
      perform set_config('lock_timeout', '100ms', true);
      if is_written then
        -- put_back() and take_back() share this lock, because a row that they wait for must not be moved.
        perform pg_advisory_xact_lock(1886352244, -4);
        foreach parent in array missing loop
          execute format('lock table only posthorn.%I in share row exclusive mode', parent);
        end loop;
        foreach parent in array missing loop
          perform posthorn.move_stranded(parent, bounds, false);
        end loop;
      end if;
      foreach parent in array missing loop
        execute format('alter table posthorn.%I attach partition posthorn.%I for values from (%L) to (%L)',
          parent, parent || suffix, bounds[1], bounds[2]);
        execute format('alter table posthorn.%I drop constraint is_of_its_day', parent || suffix);
      end loop;
      perform set_config('lock_timeout', lock_timeout_before, true);
      return cardinality(missing);
    exception
      -- check_violation: a row of the day reached a default partition without the trigger, which would have prevented
      -- it.
      when lock_not_available or deadlock_detected or check_violation then
        if tries = most_tries then
          raise;
        end if;
        is_written := is_written or sqlstate = '23514';
        perform pg_sleep(0.5 + random());
    end;
  end loop;
  return 0;
end
$$;

comment on function posthorn.make_partitions(date) is 'Makes the partitions of a day (UTC) that are missing. Returns how many.';

revoke execute on function posthorn.make_partitions(date) from public;
