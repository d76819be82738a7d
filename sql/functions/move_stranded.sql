-- Moves rows of a day from the default partition of a parent to the day's partition, which is not attached yet; returns
-- how many. only_settled: skips rows that may still be updated or deleted, because a session that waits for such a row
-- would not find it.
create or replace function posthorn.move_stranded(parent text, bounds uuid[], only_settled boolean) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  key constant text := case parent when 'outbox' then 'id' else 'webhook_id' end;
  settled constant text := case parent
    when 'outbox' then 'true'
    when 'attempts' then $sql$finished_at is not null and error is distinct from 'abandoned'$sql$
    else $sql$status = 'delivered'$sql$
  end;
  is_stranded boolean;
  moved bigint;
begin
  execute format('select exists (select from posthorn.%1$I where %2$I >= $1 and %2$I < $2)', parent || '_default', key)
  into is_stranded
  using bounds[1], bounds[2];
  if not is_stranded then
    return 0;
  end if;
  if parent = 'outcomes' then
    -- A delivered webhook is resent when a caller forces it: then put_back() waits for this lock, and not for a row.
    perform pg_advisory_xact_lock(1886352244, -4);
  end if;
  execute format(
    'with moved as (delete from posthorn.%1$I where %2$I >= $1 and %2$I < $2 and (%3$s) returning *)
     insert into posthorn.%4$I select * from moved',
    parent || '_default', key, case when only_settled then settled else 'true' end,
    parent || to_char(posthorn.uuid_time(bounds[1]) at time zone 'UTC', '_YYYYMMDD'))
  using bounds[1], bounds[2];
  get diagnostics moved = row_count;
  return greatest(moved, 1);
end
$$;

revoke execute on function posthorn.move_stranded(text, uuid[], boolean) from public;
