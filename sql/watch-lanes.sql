-- Creates a breaker's row for lanes and origins that begin to fail, to count in. An existing row is not touched: "on conflict" alone
-- would wait for a session that is deleting it.
--
-- psql "$DATABASE_URL" -c begin -f sql/watch-lanes.sql -c rollback \
--   -v keys='{1}' -v urls='{http://receiver.example/}' -v failures='{0}' -v failing_s='{0}' -v most_lanes=100
--
-- urls: of an origin, its scheme, host and port. failures: that were not counted because there was no row. failing_s: since the first
-- of them. most_lanes: of an origin that get a row.
--
-- An origin may have a path for each of a million webhooks. So a lane gets no row while the breaker of its origin is open, nor if
-- most_lanes of the origin have one. Registered endpoints always get one: they are as many as somebody has registered, and those that
-- fail for days are disabled because of their row.
insert into posthorn.breakers (key, url, consecutive, failing_since)
select n.key, n.url, n.failures, now() - n.failing_s * interval '1 second'
from (
  select n.*, row_number() over (partition by n.origin, n.is_free order by n.key) as place
  from (
    select
      w.*,
      o.origin,
      w.key = o.origin
        or (select e.lane from posthorn.endpoints as e where e.lane = w.key limit 1) is not null as is_free
    from unnest(:'keys'::bigint[], :'urls'::text[], :'failures'::integer[], :'failing_s'::float8[])
      as w (key, url, failures, failing_s)
    cross join lateral (select posthorn.origin_of(w.url) as origin) as o
    where (
        select b.key
        from posthorn.breakers as b
        where b.key = w.key
        -- Keeps it a lookup by primary key per lane.
        limit 1
      ) is null
      and (
        w.key = o.origin
        or coalesce((select b.state from posthorn.breakers as b where b.key = o.origin limit 1), 'closed') = 'closed'
      )
  ) as n
) as n
where n.is_free
  or n.place <= :'most_lanes'::integer - (
    select count(*)
    from (
      select
      from posthorn.breakers as b
      where b.origin = n.origin and b.key <> b.origin
      limit :'most_lanes'::integer
    ) as rows
  )
order by n.key
on conflict (key) do nothing
