-- Makes this worker the owner of limited lanes that have none, or whose owner has not been heard of for 20 s: frozen, as
-- the dead are cleared up by the rescue. Says what it must keep to. Lanes that are its own already are told again.
--
-- $1 worker number  $2 lanes
with takeable as materialized (
  select r.lane
  from posthorn.lane_rules as r
  where r.lane = any ($2::bigint[])
    and not r.is_held
    and (
      r.owner is null
      or r.owner = $1::integer
      or not exists (
        select
        from posthorn.workers as w
        where w.number = r.owner and w.seen_at > now() - interval '20 seconds'
      )
    )
  for update skip locked
)
update posthorn.lane_rules as r
set
  rate_from = case when r.owner <> $1::integer then now() + interval '1 second' / greatest(least(r.rate_limit_per_s, 10000), 0.001) else r.rate_from end,
  owner = $1::integer
where r.lane = any (array(select lane from takeable))
returning
  r.lane::text,
  r.is_ordered,
  r.max_in_flight,
  r.rate_limit_per_s,
  -- Not of the difference, which Postgres before 17 cannot take of an infinite time.
  ((extract(epoch from r.rate_from) - extract(epoch from now())) * 1000)::float8 as rate_in_ms,
  ((extract(epoch from r.retry_at) - extract(epoch from now())) * 1000)::float8 as retry_in_ms
