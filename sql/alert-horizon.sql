-- How long the horizon of vacuum has not moved, and who holds it: row versions that are dead since then cannot be removed,
-- and the queue, whose rows come and go, grows and slows down.
--
-- The horizon is compared with that of the last evaluation. That needs no right to see when others' transactions began,
-- and finds a replication slot, which has no such time, as well. A plain VACUUM holds nothing up.
with holders as (
  select held.xmin, format('the session of process %s (%s)', a.pid, coalesce(nullif(a.application_name, ''), 'no name')) as holder
  from pg_stat_activity as a
  cross join lateral (values (a.backend_xmin), (a.backend_xid)) as held (xmin)
  where a.pid <> pg_backend_pid()
    and (a.datid is null or a.datname = current_database())
    and not exists (select from pg_stat_progress_vacuum as v where v.pid = a.pid)
  union all
  select xmin, format('the replication slot %s', slot_name)
  from pg_replication_slots
  union all
  select transaction, format('the prepared transaction %s', gid)
  from pg_prepared_xacts
  where database = current_database()
),
oldest as materialized (
  select xmin, holder
  from holders
  where xmin is not null
  order by age(xmin) desc
  limit 1
)
update posthorn.alert_watch as w
set
  evaluated_at = clock_timestamp(),
  oldest_xmin = (select xmin from oldest),
  oldest_xmin_since = case
    when not exists (select from oldest) then null
    when w.oldest_xmin = (select xmin from oldest) then w.oldest_xmin_since
    else clock_timestamp()
  end
returning
  (extract(epoch from clock_timestamp() - w.oldest_xmin_since) * 1000)::float8 as pinned_ms,
  (select holder from oldest) as holder
