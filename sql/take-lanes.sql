-- Makes this worker the owner of limited lanes that have no owner, or whose owner has not been seen for 20 s: such an owner is
-- frozen, because the rescue clears up the dead. Returns the limits. Lanes that this worker owns already are only read, so they are
-- returned even while another session has locked their rows.
--
-- psql "$DATABASE_URL" -c begin -f sql/take-lanes.sql -c rollback \
--   -v worker_number=1 -v lanes='{1}'
--
-- A lane without limits has no row. "access" is 'mine', with "was_own" if this worker owned it before; 'locked' (this worker could
-- own it, but its row is locked); or 'other' (another worker's, or held).
with takeable as materialized (
  select r.lane
  from posthorn.lane_rules as r
  where r.lane = any (:'lanes'::bigint[])
    and not r.is_held
    and (
      r.owner is null
      or (
        r.owner <> :'worker_number'::integer
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
    owner = :'worker_number'::integer
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
  where lane = any (:'lanes'::bigint[])
    and owner = :'worker_number'::integer
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
where r.lane = any (:'lanes'::bigint[])
  and r.owner is distinct from :'worker_number'::integer
  and r.lane <> all (array(select lane from taken))
