-- Drops a day of history; returns whether it did. The unfinished webhooks of the day stay: their rows in the outbox and
-- their attempts move to the default partitions, and their rows in the queue stay. All other sessions are locked out
-- during the move, so a day with too much to move stays as it is: more than 10,000 webhooks, or 64 MB of bodies and
-- answers.
--
-- A session that claims, records, cancels or retries holds a lock on the parents until the end of its transaction, or
-- waits for one before it reads a row: it sees a webhook before the move or after it, and never half-way.
create or replace function posthorn.drop_partitions(day date) returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  as $$
declare
  most_kept constant integer := 10000;
  most_bytes constant integer := 64 * 1048576;
  suffix constant text := to_char(day, '_YYYYMMDD');
  lower_bound constant uuid := posthorn.uuid_floor(day::timestamp at time zone 'UTC');
  upper_bound constant uuid := posthorn.uuid_floor((day + 1)::timestamp at time zone 'UTC');
  parents constant text[] := array['attempts', 'outcomes', 'outbox'];
  parent text;
  kept uuid[];
  kept_outbox uuid[];
  bytes bigint;
begin
  perform pg_advisory_xact_lock(1886352244, 0);
  -- put_back() and take_back() share this lock, so that they move nothing of the day into or out of the queue.
  perform pg_advisory_xact_lock(1886352244, -4);
  -- Searched before any table is locked. The last query reads the whole queue.
  kept := array(
    select webhook_id from posthorn.queue where webhook_id >= lower_bound and webhook_id < upper_bound limit most_kept + 1);
  if cardinality(kept) > most_kept
    or exists (
      select
      from posthorn.queue
      where outbox_id >= lower_bound
        and outbox_id < upper_bound
        and (webhook_id < lower_bound or webhook_id >= upper_bound)
    )
  then
    return false;
  end if;
  -- Its webhooks are still to be added.
  if exists (select from posthorn.fan_outs as f where f.event_id >= lower_bound and f.event_id < upper_bound) then
    return false;
  end if;
  kept_outbox := array(select distinct q.outbox_id from posthorn.queue as q where q.webhook_id = any (kept));
  select
    coalesce((select sum(pg_column_size(o.body)) from posthorn.outbox as o where o.id = any (kept_outbox)), 0)
      + coalesce((select sum(pg_column_size(a.response_body)) from posthorn.attempts as a where a.webhook_id = any (kept)), 0)
  into bytes;
  if bytes > most_bytes then
    return false;
  end if;
  -- DROP locks the parent after the partition, and a claim locks them the other way round. Locking the parents first
  -- avoids deadlocks.
  lock table only posthorn.outbox, only posthorn.attempts, only posthorn.outcomes in access exclusive mode;
  kept := array(
    select webhook_id from posthorn.queue where webhook_id >= lower_bound and webhook_id < upper_bound limit most_kept + 1);
  -- More came: it is today.
  if cardinality(kept) > most_kept then
    return false;
  end if;
  -- Several webhooks can share an event.
  kept_outbox := array(select distinct q.outbox_id from posthorn.queue as q where q.webhook_id = any (kept));
  foreach parent in array parents loop
    continue when to_regclass(format('posthorn.%I', parent || suffix)) is null;
    if cardinality(kept) > 0 then
      -- Only after this does the default partition accept rows of the day.
      execute format('alter table posthorn.%I detach partition posthorn.%I', parent, parent || suffix);
      execute format('insert into posthorn.%I select * from posthorn.%I where %I = any ($1)',
        parent || '_default', parent || suffix, case parent when 'outbox' then 'id' else 'webhook_id' end)
      using case parent when 'outbox' then kept_outbox else kept end;
    end if;
    execute format('drop table posthorn.%I', parent || suffix);
  end loop;
  -- Rows of today, yesterday and tomorrow may still arrive.
  if day < (now() at time zone 'UTC')::date - 1 then
    delete from posthorn.unmatched_events where event_id < upper_bound;
    update posthorn.history set whole_from = day + 1 where whole_from <= day;
  end if;
  return true;
end
$$;

comment on function posthorn.drop_partitions(date) is 'Drops a day (UTC) of history. Its unfinished webhooks stay. Returns whether it did.';

revoke execute on function posthorn.drop_partitions(date) from public;
