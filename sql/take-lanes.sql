-- Makes this worker the owner of limited lanes that have none, or whose owner has not been heard of for 20 s: frozen, as
-- the dead are cleared up by the rescue. Says what it must keep to. Lanes that are its own already are told again, and
-- only read: they are told as well while somebody else has their rows locked.
--
-- $1 worker number  $2 lanes
--
-- No row for a lane that is not limited. "access" is 'mine', with "was_own" if it was before; 'locked' (it could be this
-- worker's, but its row is locked); or 'other' (another worker's, or held).
with takeable as materialized (
  select r.lane
  from posthorn.lane_rules as r
  where r.lane = any ($2::bigint[])
    and not r.is_held
    and (
      r.owner is null
      or (
        r.owner <> $1::integer
        and not exists (
          select
          from posthorn.workers as w
          where w.number = r.owner and w.seen_at > now() - interval '20 seconds'
        )
      )
    )
  for update skip locked
),
taken as (
  update posthorn.lane_rules as r
  set
    rate_from = case
      when r.owner is null then r.rate_from
      else now() + interval '1 second' / greatest(least(r.rate_limit_per_s, 10000), 0.001)
    end,
    owner = $1::integer
  where r.lane = any (array(select lane from takeable))
  returning r.*
)
select
  r.lane::text,
  'mine' as access,
  r.was_own,
  r.is_ordered,
  r.max_in_flight,
  r.rate_limit_per_s,
  -- Not of the difference, which Postgres before 17 cannot take of an infinite time.
  ((extract(epoch from r.rate_from) - extract(epoch from now())) * 1000)::float8 as rate_in_ms,
  ((extract(epoch from r.retry_at) - extract(epoch from now())) * 1000)::float8 as retry_in_ms
from (
  select *, false as was_own
  from taken
  union all
  select *, true
  from posthorn.lane_rules
  where lane = any ($2::bigint[])
    and owner = $1::integer
) as r
union all
select
  r.lane::text,
  case when r.owner is null and not r.is_held then 'locked' else 'other' end,
  false,
  r.is_ordered,
  r.max_in_flight,
  r.rate_limit_per_s,
  null,
  null
from posthorn.lane_rules as r
where r.lane = any ($2::bigint[])
  and r.owner is distinct from $1::integer
  and r.lane <> all (array(select lane from taken))
