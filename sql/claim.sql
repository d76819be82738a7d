-- Finds the lanes that have work, leases due webhooks, begins their attempts, and returns what is needed to send them. One
-- statement, so a claim costs one round trip and one commit.
--
-- psql "$DATABASE_URL" -c begin -f sql/claim.sql -c rollback \
--   -v worker_number=1 -v max_webhooks=10 -v window_from_ms=0 -v lanes='{1}' -v priorities='{1}' -v quotas='{5}' \
--   -v due_from_ms='{0}' -v ranks='{1}' -v free_slots='{}' -v usual_slots=8 -v usual_group_slots=16 -v lease_s=90 \
--   -v are_owned='{false}' -v origins='{1}' -v tenants='{null}' -v aheads='{1}' \
--   -v max_newest=0 -v max_found=100
--
-- window_from_ms: the start of the discovery window; 'infinity' means no discovery. max_newest: how many of the latest webhooks to look
-- at beyond the window, if it sees as many as it can.
-- lanes, priorities, quotas, due_from_ms, ranks, are_owned, origins, tenants, aheads: the lanes to claim from. One element of each
-- array describes one lane. Rank 0 goes first. are_owned: this worker owns the lane or its tenant, and keeps the limits. origins,
-- tenants: as the worker knows them; those of an endpoint are read here, because they can change. aheads: how many webhooks to take
-- from it if it is ordered, whatever its quota.
-- free_slots: { key: slots } for lanes with fewer free slots than usual, and for groups with fewer or more. A group is a tenant, or an
-- origin. usual_slots: what all other lanes have. usual_group_slots: what all other groups have. max_found: how many webhooks to take
-- from all the lanes together that are discovered here.
--
-- Returns a row per claimed webhook, and one last row whose "discovered" is a JSON object:
-- { now: ms, xmin, xmax: those of the snapshot, age: of transaction 3, from which the next transaction's id follows,
--   full: the claim met its limit, so a lane may have more than it gave,
--   seen, seen_to: how many webhooks the window saw, at most 250, and when the last of them is due, ms,
--   lanes: [[lane, priority, waiting, first due ms, access, origin, tenant, tenant access], ...] }
-- access says who may claim the lane: 'anyone'; 'mine' (it has limits and this worker owns it); 'unowned' (it has limits and no
-- owner); 'theirs' (another worker owns it); 'blocked' (by a breaker, or because its endpoint is paused or disabled); or 'probe'
-- (by the breaker of its origin only, whose probe is due: one webhook of this lane can be that).
-- The tenant access says the same of its tenant, which is never blocked.
--
-- Each odd part of the statement was measured, see docs/adr/0002. The always-true predicates on priority tie each lookup to its
-- index, whatever the statistics say. The locking select is a materialized CTE and the update takes its ids as an array: as a join
-- or an IN-subquery, a nested loop ran it once per row and the limit was lost. Both lookups have a lower bound on due_at, so that
-- they do not read the dead index entries that an old transaction keeps. Breakers and rules are read here, not from a worker's
-- memory: what one worker opened, no other worker claims, and what a person paused is not sent.
with page as materialized (
  select lane, priority, due_at, origin, tenant_key
  from posthorn.queue
  where priority > -1
    and (lease_until is null or lease_until < now())
    and due_at >= to_timestamp(:'window_from_ms'::float8 / 1000)
    and due_at <= now()
  order by due_at
  limit 250
),
-- Behind a page that is full: what has just come does not wait until all pages before it have been looked at.
newest as (
  select lane, priority, due_at, origin, tenant_key
  from posthorn.queue
  where priority > -1
    and (lease_until is null or lease_until < now())
    and due_at > (select max(due_at) from page)
    and due_at <= now()
  order by due_at desc
  limit :'max_newest'::integer
),
discovered as materialized (
  select
    d.*,
    coalesce(d.own_origin, e.origin) as origin,
    case when d.own_origin is null then e.tenant_key else d.own_tenant end as tenant_key
  from (
    select
      lane,
      priority,
      count(*)::integer as waiting,
      min(due_at) as first_due,
      min(origin) as own_origin,
      min(tenant_key) as own_tenant
    from (select * from page union all select * from newest) as seen
    group by lane, priority
  ) as d
  left join lateral (
    select e.origin, e.tenant_key
    from posthorn.endpoints as e
    where d.own_origin is null and e.lane = d.lane
    limit 1
  ) as e on true
),
known_names as materialized (
  select jsonb_object_agg(lane || ':' || priority, true) as names
  from unnest(:'lanes'::bigint[], :'priorities'::smallint[]) as known (lane, priority)
),
-- What the lanes that are seen here may get: together no more than the free slots of their origin, and of their tenant. A key of a
-- jsonb object is found by binary search. As joins these were nested loops, because the others are off here: 60 ms a claim with 512
-- lanes in flight, seconds with thousands of lanes that recover from an outage.
offered as (
  select
    d.*,
    sum(d.wanted) over (partition by coalesce(d.tenant_key, d.origin) order by d.priority, d.first_due, d.lane) as with_group,
    -- Of all tenants: an origin has its slots once, however many send to it.
    sum(d.wanted) over (partition by d.origin order by d.priority, d.first_due, d.lane) as with_origin
  from (
    select
      *,
      least(waiting, coalesce((:'free_slots'::jsonb ->> lane::text)::integer, :'usual_slots'::integer)) as wanted
    from discovered
  ) as d
  where d.wanted > 0
    and not coalesce((select names from known_names) ? (d.lane || ':' || d.priority), false)
),
-- And all together no more than max_found, which may be less than what the claim gives: what it finds must not take the room of what
-- it wishes for.
found as (
  select
    g.lane,
    g.priority,
    g.wanted,
    g.first_due,
    g.origin,
    g.tenant_key,
    g.missing + greatest(0, sum(g.wanted - g.missing) over (order by g.priority, g.first_due, g.lane) - :'max_found'::integer) as missing
  from (
    select
      o.*,
      least(o.wanted, greatest(
        0,
        o.with_group - coalesce((:'free_slots'::jsonb ->> coalesce(o.tenant_key, o.origin)::text)::integer, :'usual_group_slots'::integer),
        o.with_origin - coalesce((:'free_slots'::jsonb ->> o.origin::text)::integer, :'usual_group_slots'::integer))) as missing
    from offered as o
  ) as g
),
asked as (
  select
    lane,
    priority,
    quota,
    rank,
    to_timestamp(due_from / 1000) as due_from,
    is_owned,
    ahead,
    coalesce(e.origin, k.origin) as origin,
    case when e.origin is null then k.tenant_key else e.tenant_key end as tenant_key
  from unnest(:'lanes'::bigint[], :'priorities'::smallint[], :'quotas'::integer[], :'due_from_ms'::float8[], :'ranks'::smallint[], :'are_owned'::boolean[], :'origins'::bigint[], :'tenants'::bigint[], :'aheads'::integer[])
    as k (lane, priority, quota, due_from, rank, is_owned, origin, tenant_key, ahead)
  left join lateral (select e.origin, e.tenant_key from posthorn.endpoints as e where e.lane = k.lane limit 1) as e on true
  union all
  select f.lane, f.priority, f.wanted - f.missing, 1::smallint, f.first_due, false, 1, f.origin, f.tenant_key
  from found as f
  where f.missing < f.wanted
),
wanted as materialized (
  select a.*, coalesce(r.is_ordered, false) as is_ordered
  from asked as a
  left join posthorn.lane_rules as r on r.lane = a.lane
  left join posthorn.lane_rules as t on t.lane = a.tenant_key
  where (
      select b.key
      from posthorn.breakers as b
      where b.key in (a.lane, a.origin) and (b.state = 'open' or b.throttled_until > now())
      -- Keeps it two lookups by primary key per lane.
      limit 1
    ) is null
    -- Only its owner claims a limited lane, as much as it wishes, and only if it knows of the limits: a wish that ignores them
    -- asks for too much. The same holds for the lanes of a limited tenant.
    and (t.lane is null or (a.is_owned and t.owner = :'worker_number'::integer))
    and (
      r.lane is null
      or (a.is_owned and r.owner = :'worker_number'::integer and not r.is_held and (r.retry_at is null or r.retry_at <= now()))
    )
  order by rank, priority, due_from
),
candidates as materialized (
  select due.webhook_id
  from wanted
  cross join lateral (
    select webhook_id
    from posthorn.queue
    where priority < 1000
      and (lease_until is null or lease_until < now())
      and lane = wanted.lane
      and priority = wanted.priority
      and due_at >= wanted.due_from
      and due_at <= now()
    order by due_at
    limit wanted.quota
    for update skip locked
  ) as due
  where not wanted.is_ordered
  limit :'max_webhooks'::integer - (select count(*) from wanted where is_ordered)
),
-- From an ordered lane the first webhooks, up to one that is being sent. From all priorities, because webhooks that were enqueued
-- before the lane became ordered have their own. A webhook that a worker may have sent before it died goes alone: its result may
-- still come, and it may be what the worker died of.
firsts as materialized (
  select wanted.lane, first.webhook_id, first.place
  from wanted
  cross join lateral (
    select
      webhook_id,
      row_number() over in_order as place,
      bool_and(is_free) over in_order as are_free,
      bool_or(uncounted > 0) over in_order as is_doubtful
    from (
      select due.*
      from unnest(array[0, 1, 2]::smallint[]) as p (priority)
      cross join lateral (
        select
          q.webhook_id,
          q.due_at,
          q.uncounted + (q.lease_until is not null)::integer as uncounted,
          (q.lease_until is null or q.lease_until < now()) as is_free
        from posthorn.queue as q
        where q.priority < 1000
          and q.lane = wanted.lane
          and q.priority = p.priority
          and q.due_at >= wanted.due_from
          and q.due_at <= now()
        order by q.due_at, q.webhook_id
        limit wanted.ahead
      ) as due
      order by due.due_at, due.webhook_id
      limit wanted.ahead
    ) as due
    window in_order as (order by due_at, webhook_id rows unbounded preceding)
  ) as first
  where wanted.is_ordered
    and first.are_free
    and (first.place = 1 or not first.is_doubtful)
),
lockable as materialized (
  select q.webhook_id
  from firsts
  join posthorn.queue as q on q.webhook_id = firsts.webhook_id
  where q.lease_until is null or q.lease_until < now()
  for update of q skip locked
),
-- Up to one that another session has locked.
heads as materialized (
  select webhook_id
  from (
    select webhook_id, bool_and(webhook_id = any (array(select webhook_id from lockable))) over (partition by lane order by place) as are_locked
    from firsts
  ) as first
  where are_locked
),
claimed as (
  update posthorn.queue
  set
    attempts = least(attempts + 1, 32767),
    -- A lease that ran out belongs to an attempt whose end is unknown: it does not count.
    uncounted = least(uncounted + (lease_until is not null)::integer, 32767),
    lease_until = now() + :'lease_s'::float8 * interval '1 second',
    leased_by = :'worker_number'::integer
  where webhook_id = any (array(select webhook_id from candidates union all select webhook_id from heads))
  returning webhook_id, outbox_id, lane, origin, tenant_key, priority, attempts, uncounted, past_attempts, due_at
),
begun as (
  insert into posthorn.attempts (webhook_id, number, worker)
  select webhook_id, attempts, :'worker_number'::integer
  from claimed
)
select
  c.webhook_id,
  c.outbox_id,
  c.lane,
  -- Null: its row was deleted by hand.
  coalesce(c.origin, e.origin) as origin,
  case when c.origin is null then e.tenant_key else c.tenant_key end as tenant_key,
  c.priority,
  c.attempts as number,
  c.uncounted,
  c.past_attempts,
  (extract(epoch from c.due_at) * 1000)::float8 as due_ms,
  -- Without a URL: its row was deleted by hand. It is sent nowhere and fails, and does not come back for ever.
  coalesce(o.url, e.url, '') as url,
  o.event_type,
  -- An event for all tenants belongs to each of them where it arrives.
  coalesce(nullif(case when o.event_type is null then o.tenant end, ''), e.tenant, o.tenant, '') as tenant,
  -- An event's body comes with the first of its webhooks, however many were claimed.
  case when c.is_first then coalesce(o.body, '') end as body,
  o.headers,
  coalesce(o.content_type, '') as content_type,
  o.secret,
  o.max_attempts,
  o.idempotency_key,
  o.traceparent,
  case when o.url is null then e.id end as endpoint_id,
  o.signed_as,
  -- As they are kept, which is mostly sealed: the worker opens them, once for many webhooks.
  case when o.secret is null then e.secret end as endpoint_secret,
  case when o.secret is null then e.former_secrets::text end as former_secrets,
  e.headers::text as endpoint_headers,
  (num_nonnulls(o.endpoint_id, o.event_type, o.signed_as) > 0) and coalesce(e.status, 'deleted') = 'deleted' as is_endpoint_deleted,
  o.url is null and coalesce(e.ordered, false) as is_ordered,
  coalesce(e.gone_answers, 0::smallint) as gone_answers,
  e.timeout_ms,
  e.retry_schedule_s,
  null::json as discovered
from (select *, row_number() over (partition by outbox_id) = 1 as is_first from claimed) as c
left join posthorn.outbox as o on o.id = c.outbox_id
-- The endpoint of an event's webhook is known by its lane, which no URL has.
left join posthorn.endpoints as e
  on e.lane = case
    when o.url is null then c.lane
    when o.signed_as is not null then posthorn.lane_of(o.signed_as)
  end
union all
select
  null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
  null, null, null, null, null, null, null, null, null, null,
  json_build_object(
    'now', (extract(epoch from now()) * 1000)::float8,
    'xmin', pg_snapshot_xmin(pg_current_snapshot())::text,
    'xmax', pg_snapshot_xmax(pg_current_snapshot())::text,
    'age', age('3'::xid),
    'full', (select count(*) from candidates) >= :'max_webhooks'::integer - (select count(*) from wanted where is_ordered),
    'seen', (select count(*) from page),
    'seen_to', (select (extract(epoch from max(due_at)) * 1000)::float8 from page),
    'lanes', (
      select json_agg(json_build_array(
        d.lane::text,
        d.priority,
        d.waiting,
        (extract(epoch from d.first_due) * 1000)::float8,
        case
          when rule.access = 'blocked' then 'blocked'
          when away.is_ripe and not coalesce(own.has_to_wait, false) then 'probe'
          when away.is_ripe is not null or own.has_to_wait is not null then 'blocked'
          else coalesce(rule.access, 'anyone')
        end,
        d.origin::text,
        d.tenant_key::text,
        coalesce(tenant.access, 'anyone')))
      from discovered as d
      left join lateral (
        select coalesce((b.state = 'open' and b.open_until > now()) or b.throttled_until > now(), false) as has_to_wait
        from posthorn.breakers as b
        where b.key = d.lane and (b.state = 'open' or b.throttled_until > now())
        -- Keeps it a lookup by primary key per lane: as an EXISTS it became a hashed scan of all breakers.
        limit 1
      ) as own on true
      left join lateral (
        -- Null: it is not open.
        select case
            when b.state = 'open'
            then coalesce(b.open_until <= now() and (b.probe_until is null or b.probe_until < now()), false)
          end as is_ripe
        from posthorn.breakers as b
        where b.key = d.origin
        limit 1
      ) as away on true
      left join lateral (
        select
          case
            when r.is_held or r.retry_at > now() then 'blocked'
            when r.owner = :'worker_number'::integer then 'mine'
            when r.owner is null then 'unowned'
            else 'theirs'
          end as access
        from posthorn.lane_rules as r
        where r.lane = d.lane
        limit 1
      ) as rule on true
      left join lateral (
        select
          case
            when t.owner = :'worker_number'::integer then 'mine'
            when t.owner is null then 'unowned'
            else 'theirs'
          end as access
        from posthorn.lane_rules as t
        where t.lane = d.tenant_key
        limit 1
      ) as tenant on true
    )
  )
