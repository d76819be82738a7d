-- Discovers the lanes that have work, leases due webhooks of the lanes wanted, begins their attempts, and returns what
-- is needed to send them: one statement, so one round trip and one commit per claim.
--
-- $1 worker number            $2 most webhooks to claim
-- $3 window start, ms; 'infinity' when nothing is to be discovered
-- $4 lanes wanted  $5 their priorities  $6 their quotas  $7 their due_at from, ms  $8 their ranks (0 goes first)
-- $9 lanes with fewer free slots than usual, as { lane: slots }  $10 the usual number of slots of a lane
-- $11 lease, seconds  $12 of the lanes wanted: whether this worker owns the lane and keeps its limits
--
-- A row per claimed webhook, and one last row whose "discovered" is a JSON object:
-- { now: ms, xmin, xmax: the snapshot's, age: of transaction 3, from which the next transaction's id follows,
--   full: whether the limit was met, so that a lane wanted may have more than it gave,
--   lanes: [[lane, priority, waiting, first due ms, last due ms, access], ...] }
-- where access says whether the lane may be claimed: 'anyone', 'mine' (limited, and this worker's), 'unowned' (limited, and no
-- worker's yet), 'theirs' (another worker's) or 'blocked' (by a breaker, or as its endpoint is paused or disabled).
--
-- Why it is written so (each was measured, see docs/adr/0002): the always-true predicates on priority tie each lookup
-- to its index whatever the statistics say; the locking select is a materialized CTE and the update takes its ids as an
-- array, because as a join or an IN-subquery a nested loop runs it once per row and the limit is lost; both lookups
-- have a lower bound on due_at, so that dead index entries kept by an old transaction are not walked again. Breakers and
-- rules are read here and not from a worker's memory, so that what one worker opened no other one claims, and what
-- somebody paused is not sent.
with discovered as materialized (
  select lane, priority, count(*)::integer as waiting, min(due_at) as first_due, max(due_at) as last_due
  from (
    select lane, priority, due_at
    from posthorn.queue
    where priority > -1
      and (lease_until is null or lease_until < now())
      and due_at >= to_timestamp($3::float8 / 1000)
      and due_at <= now()
    order by due_at
    limit 1000
  ) as page
  group by lane, priority
),
known_names as materialized (
  select jsonb_object_agg(lane || ':' || priority, true) as names
  from unnest($4::bigint[], $5::smallint[]) as known (lane, priority)
),
asked as (
  select lane, priority, quota, rank, to_timestamp(due_from / 1000) as due_from, is_owned
  from unnest($4::bigint[], $5::smallint[], $6::integer[], $7::float8[], $8::smallint[], $12::boolean[])
    as known (lane, priority, quota, due_from, rank, is_owned)
  union all
  -- A key of a jsonb object is found by binary search. As joins these were nested loops, because the others are off here:
  -- 60 ms a claim with 512 lanes in flight, seconds with thousands of lanes that recover from an outage.
  select d.lane, d.priority, least(d.waiting, room.free), 1::smallint, d.first_due, false
  from discovered as d
  cross join lateral (
    select coalesce(($9::jsonb ->> d.lane::text)::integer, $10::integer) as free
  ) as room
  where room.free > 0
    and not coalesce((select names from known_names) ? (d.lane || ':' || d.priority), false)
),
wanted as materialized (
  select a.*, coalesce(r.is_ordered, false) as is_ordered
  from asked as a
  left join posthorn.lane_rules as r on r.lane = a.lane
  where not exists (
      select
      from posthorn.breakers as b
      where b.lane = a.lane and (b.state = 'open' or b.throttled_until > now())
    )
    -- A limited lane is claimed by its owner alone, as far as the owner's wish goes, and only if the owner knows that the
    -- lane is limited: a wish without a limit asks for too much.
    and (
      r.lane is null
      or (a.is_owned and r.owner = $1::integer and not r.is_held and (r.retry_at is null or r.retry_at <= now()))
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
  limit $2::integer - (select count(*) from wanted where is_ordered)
),
-- Of an ordered lane the first one, whoever may have it: if that is being sent, or somebody is about to, then none. Of all
-- priorities: what was enqueued before the lane became ordered has its own.
heads as materialized (
  select q.webhook_id
  from wanted
  cross join lateral (
    select first.webhook_id
    from unnest(array[0, 1, 2]::smallint[]) as p (priority)
    cross join lateral (
      select webhook_id, due_at
      from posthorn.queue as q
      where q.priority < 1000
        and q.lane = wanted.lane
        and q.priority = p.priority
        and q.due_at >= wanted.due_from
        and q.due_at <= now()
      order by q.due_at, q.webhook_id
      limit 1
    ) as first
    order by first.due_at, first.webhook_id
    limit 1
  ) as head
  join posthorn.queue as q on q.webhook_id = head.webhook_id
  where wanted.is_ordered
    and (q.lease_until is null or q.lease_until < now())
  for update of q skip locked
),
claimed as (
  update posthorn.queue
  set
    attempts = least(attempts + 1, 32767),
    -- A lease that ran out was an attempt that nobody saw end: it does not count.
    uncounted = least(uncounted + (lease_until is not null)::integer, 32767),
    lease_until = now() + $11::float8 * interval '1 second',
    leased_by = $1::integer
  where webhook_id = any (array(select webhook_id from candidates union all select webhook_id from heads))
  returning webhook_id, outbox_id, lane, priority, attempts, uncounted, past_attempts, due_at
),
begun as (
  insert into posthorn.attempts (webhook_id, number, worker)
  select webhook_id, attempts, $1::integer
  from claimed
)
select
  c.webhook_id,
  c.outbox_id,
  c.lane,
  c.priority,
  c.attempts as number,
  c.uncounted,
  c.past_attempts,
  (extract(epoch from c.due_at) * 1000)::float8 as due_ms,
  -- Without a URL: its row was deleted by hand. It is sent nowhere and fails, and does not come back for ever.
  coalesce(o.url, e.url, '') as url,
  coalesce(o.body, '') as body,
  o.headers,
  coalesce(o.content_type, '') as content_type,
  o.secret,
  o.max_attempts,
  o.idempotency_key,
  o.traceparent,
  o.endpoint_id,
  o.signed_as,
  -- As they are kept, which is mostly sealed: the worker opens them, once for many webhooks.
  case when o.secret is null then e.secret end as endpoint_secret,
  case when o.secret is null then e.former_secrets::text end as former_secrets,
  e.headers::text as endpoint_headers,
  coalesce(o.endpoint_id, o.signed_as) is not null and coalesce(e.status, 'deleted') = 'deleted' as is_endpoint_deleted,
  o.endpoint_id is not null and coalesce(e.ordered, false) as is_ordered,
  coalesce(e.gone_answers, 0::smallint) as gone_answers,
  e.timeout_ms,
  e.retry_schedule_s,
  null::json as discovered
from claimed as c
left join posthorn.outbox as o on o.id = c.outbox_id
left join posthorn.endpoints as e on e.id = coalesce(o.endpoint_id, o.signed_as)
union all
select
  null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
  null, null, null, null, null, null,
  json_build_object(
    'now', (extract(epoch from now()) * 1000)::float8,
    'xmin', pg_snapshot_xmin(pg_current_snapshot())::text,
    'xmax', pg_snapshot_xmax(pg_current_snapshot())::text,
    'age', age('3'::xid),
    'full', (select count(*) from candidates) >= $2::integer - (select count(*) from wanted where is_ordered),
    'lanes', (
      select json_agg(json_build_array(
        d.lane::text,
        d.priority,
        d.waiting,
        (extract(epoch from d.first_due) * 1000)::float8,
        (extract(epoch from d.last_due) * 1000)::float8,
        case when blocked.lane is not null then 'blocked' else coalesce(rule.access, 'anyone') end))
      from discovered as d
      left join lateral (
        select b.lane
        from posthorn.breakers as b
        where b.lane = d.lane and (b.state = 'open' or b.throttled_until > now())
        -- Keeps it a lookup by primary key per lane: as an EXISTS it became a hashed scan of all breakers.
        limit 1
      ) as blocked on true
      left join lateral (
        select
          case
            when r.is_held or r.retry_at > now() then 'blocked'
            when r.owner = $1::integer then 'mine'
            when r.owner is null then 'unowned'
            else 'theirs'
          end as access
        from posthorn.lane_rules as r
        where r.lane = d.lane
        limit 1
      ) as rule on true
    )
  )
