-- Whether Posthorn itself is well: workers alive, those that cannot get out, those that cannot claim, and partitions of today and tomorrow (UTC)
-- that nobody has made, encryption keys that nobody has.
--
-- psql "$DATABASE_URL" -c begin -f sql/alert-health.sql -c rollback
select
  (select count(*)::integer from posthorn.live_workers) as alive,
  (
    select count(*)::integer
    from posthorn.live_workers as l
    join posthorn.workers as w on w.number = l.number
    where w.egress_down_since is not null
  ) as without_egress,
  (
    select json_build_object(
      'workers', count(*),
      'failing_ms', (extract(epoch from clock_timestamp() - greatest(min(w.claims_failing_since), 'epoch')) * 1000)::float8,
      'error', (array_agg(w.claim_error order by w.claims_failing_since))[1])
    from posthorn.live_workers as l
    join posthorn.workers as w on w.number = l.number
    where w.claims_failing_since is not null
    having count(*) > 0
  ) as not_claiming,
  array(
    select name
    from (values (0), (1)) as days (ahead)
    cross join (values ('outbox'), ('attempts'), ('outcomes')) as parents (parent)
    cross join lateral (
      select format('%s_%s', parent, to_char((now() at time zone 'UTC')::date + ahead, 'YYYYMMDD')) as name
    ) as partition
    where to_regclass(format('posthorn.%I', name)) is null
    order by name
  ) as missing_partitions,
  coalesce((select missing_keys from posthorn.sealing), '{}') as missing_keys
