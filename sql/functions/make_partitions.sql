-- Makes the partitions of a day (UTC), named <table>_<yyyymmdd>, where they are missing; says how many it made.
--
-- A partition is made aside and then attached, because CREATE TABLE ... PARTITION OF locks readers and writers of the parent out.
-- The rows of the day that went to a default partition meanwhile are moved into it in two steps. Most of them are moved without
-- a lock: those that nobody updates any more. Then the parents are locked against writers, what came since and what may
-- still be updated is moved, and the partitions are attached. Without that lock, ATTACH fails when a row is committed after
-- the move, and so does an insert that waits for ATTACH: it has already chosen the default partition.
--
-- Nobody waits long for that lock: it is asked for with a timeout of 100 ms, and not at all while a transaction holds one of
-- the tables that has held it for 100 ms already. The fifth failure is an error.
--
-- It acts with the owner's rights, as do drop_partitions() and days_without_partition(), because only the owner of a table may
-- attach or drop its partitions. A worker talks to strangers all day and should not be the owner, who can drop everything,
-- disable the triggers and rewrite what acts with the owner's rights. A role that may call these three can do that much and no
-- more.
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
  -- Whether rows of the day may come while this runs: the trigger of the outbox takes ids of a day from now at most.
  is_written boolean := day <= (now() at time zone 'UTC')::date + 1;
  holders text[];
begin
  -- One maker at a time; the others then find the work done.
  perform pg_advisory_xact_lock(1886352244, 0);
  -- Not by to_regclass(): what it did not find a session remembers, and would not see that another made it meanwhile.
  missing := array(
    select name
    from unnest(array['outbox', 'attempts', 'outcomes']) with ordinality as parents (name, place)
    where not exists (
      select from pg_class where relnamespace = 'posthorn'::regnamespace and relname = name || suffix)
    order by place);
  foreach parent in array missing loop
    -- An attempt is updated once, soon: with so much of a page left free all updates are HOT. The CHECK spares ATTACH the
    -- reading of the rows.
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
            message = format('Cannot make the partitions of %s: a transaction holds the tables that must be locked', day),
            hint = 'It is tried again. A transaction that stays open for long keeps it from being done: see pg_stat_activity.';
        end if;
        perform pg_sleep(0.1);
      end loop;
      perform set_config('lock_timeout', '100ms', true);
      if is_written then
        -- put_back() and take_back() share it: a row that they wait for must not be moved away under them.
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
      -- check_violation: a row of the day came to a default partition although none can, past the trigger.
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

revoke execute on function posthorn.make_partitions(date) from public;
