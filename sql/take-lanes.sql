-- Makes this worker the owner of limited lanes and tenants that have no owner, or whose owner has not been seen for 20 s: such an
-- owner is frozen, because the rescue clears up the dead. Returns the limits. What this worker owns already is only read, so it is
-- returned even while another session has locked its row.
--
-- psql "$DATABASE_URL" -c begin -f sql/take-lanes.sql -c rollback \
--   -v worker_number=1 -v lanes='{1}'
--
-- lanes: lanes, and keys of tenants.
--
-- A lane of a limited tenant is taken only by the owner of the tenant: if one worker owned the lane and another one the tenant,
-- neither could send.
--
-- "access" is 'anyone' (it has no limits itself); 'mine', with "was_own" if this worker owned it before; 'locked' (this worker could
-- own it, but its row is locked); or 'other' (another worker's, or held, or its tenant has to be taken first). The lane of an endpoint,
-- and one to a URL with work, come with "origin", "tenant" and "tenant_access": 'anyone' (the tenant has no limits), 'mine', 'unowned'
-- or 'theirs'. Returns nothing for a lane of which nothing is known.
with tenants as materialized (
  select
    n.lane,
    case when e.lane is null then q.tenant_key else e.tenant_key end as tenant,
    coalesce(e.origin, q.origin) as origin,
    case
      when t.lane is null then 'anyone'
      when t.owner = :'worker_number'::integer then 'mine'
      when t.owner is null then 'unowned'
      else 'theirs'
    end as access
  from unnest(:'lanes'::bigint[]) as n (lane)
  left join lateral (select lane, tenant_key, origin from posthorn.endpoints where lane = n.lane limit 1) as e on true
  left join lateral (
    select tenant_key, origin
    from posthorn.queue
    where e.lane is null and priority < 1000 and lane = n.lane
    order by priority, due_at
    limit 1
  ) as q on true
  left join lateral (
    select lane, owner
    from posthorn.lane_rules
    where lane = case when e.lane is null then q.tenant_key else e.tenant_key end
    limit 1
  ) as t on true
  where coalesce(e.origin, q.origin) is not null
),
-- By lane. A key of a jsonb object is found by binary search; as a join, each of n lanes would be compared with n others.
known as materialized (
  select jsonb_object_agg(lane, jsonb_build_array(tenant::text, access, origin::text)) as tenants
  from tenants
),
takeable as materialized (
  select r.lane
  from posthorn.lane_rules as r
  where r.lane = any (:'lanes'::bigint[])
    and r.lane <> all (array(select lane from tenants where access not in ('anyone', 'mine')))
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
  r.access,
  r.was_own,
  r.is_ordered,
  r.is_tenant,
  r.max_in_flight,
  r.rate_limit_per_s,
  -- Not of the difference, which Postgres before 17 cannot take of an infinite time.
  case when r.access = 'mine' then ((extract(epoch from r.rate_from) - extract(epoch from now())) * 1000)::float8 end as rate_in_ms,
  case when r.access = 'mine' then ((extract(epoch from r.retry_at) - extract(epoch from now())) * 1000)::float8 end as retry_in_ms,
  l.tenants -> r.lane::text ->> 0 as tenant,
  l.tenants -> r.lane::text ->> 1 as tenant_access,
  l.tenants -> r.lane::text ->> 2 as origin
from (
  select *, 'mine' as access, false as was_own
  from taken
  union all
  select *, 'mine', true
  from posthorn.lane_rules
  where lane = any (:'lanes'::bigint[])
    and owner = :'worker_number'::integer
  union all
  select
    *,
    case
      when owner is null
        and not is_held
        and lane <> all (array(select lane from tenants where access not in ('anyone', 'mine')))
        then 'locked'
      else 'other'
    end,
    false
  from posthorn.lane_rules
  where lane = any (:'lanes'::bigint[])
    and owner is distinct from :'worker_number'::integer
    and lane <> all (array(select lane from taken))
) as r
cross join known as l
union all
select t.lane::text, 'anyone', false, false, false, null, null, null, null, t.tenant::text, t.access, t.origin::text
from tenants as t
where not exists (select from posthorn.lane_rules as r where r.lane = t.lane)
