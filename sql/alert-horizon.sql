-- How long the horizon of vacuum has not moved, and who holds it: row versions that are dead since then cannot be removed,
-- and the queue, whose rows come and go, grows and slows down.
--
-- psql "$DATABASE_URL" -c begin -f sql/alert-horizon.sql -c rollback
--
-- The horizon is compared with that of the last evaluation. That needs no right to see when others' transactions began,
-- and finds a replication slot, which has no such time, as well. A plain VACUUM holds nothing up.
with sessions as materialized (
  select
    a.pid,
    a.backend_xmin,
    a.backend_xid,
    a.datid is null or a.datname = current_database() as is_here,
    format('the session of process %s (%s)', a.pid, coalesce(nullif(a.application_name, ''), 'no name')) as holder
  from pg_stat_activity as a
  where a.pid <> pg_backend_pid()
    and not exists (select from pg_stat_progress_vacuum as v where v.pid = a.pid)
),
holders as (
  select held.xmin, s.holder
  from sessions as s
  cross join lateral (values (s.backend_xmin), (s.backend_xid)) as held (xmin)
  where s.is_here
  union all
  select xmin, format('the replication slot %s', slot_name)
  from pg_replication_slots
  union all
  select transaction, format('the prepared transaction %s', gid)
  from pg_prepared_xacts
  where database = current_database()
),
oldest as materialized (
  select
    h.xmin,
    -- A snapshot that was taken while a transaction ran waits for it: the transaction is to blame, in whatever database.
    coalesce((select s.holder from sessions as s where s.backend_xid = h.xmin limit 1), h.holder) as holder
  from holders as h
  where h.xmin is not null
  order by age(h.xmin) desc
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
