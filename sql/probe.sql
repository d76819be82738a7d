-- Takes the probes that are due: one webhook for each lane and each origin whose breaker has been open for long enough. The row
-- lock and the lease make sure that all workers together send one probe per open interval. When the worker of a probe dies, the
-- rescue frees it.
--
-- psql "$DATABASE_URL" -c begin -f sql/probe.sql -c rollback \
--   -v worker_number=1 -v max_probes=20 -v lease_s=90 -v origins='{1}' -v origin_lanes='{1}'
--
-- lease_s: of the webhook and of the probe.
-- origins, origin_lanes: origins whose probe may be due, no two the same, and for each a lane that has work, as claim.sql and
-- scan-lanes.sql have named them: the queue has no index by origin.
--
-- Returns the columns of claim.sql, without its last row. A breaker is leased only together with the webhook that is sent. A lane
-- that has nothing due, or whose webhook is locked, is tried again later, so that it does not stand in front of the others
-- forever. For an origin, the caller names another lane the next time.
with ripe_origins as materialized (
  select b.key, (:'origin_lanes'::bigint[])[array_position(:'origins'::bigint[], b.key)] as lane
  from posthorn.breakers as b
  where b.key = any (:'origins'::bigint[])
    and b.state = 'open'
    and b.open_until <= now()
    and (b.probe_until is null or b.probe_until < now())
    and b.key = b.origin
    -- The lane has come here by its endpoint's URL, and may have left.
    and coalesce(
      (
        select e.origin
        from posthorn.endpoints as e
        where e.lane = (:'origin_lanes'::bigint[])[array_position(:'origins'::bigint[], b.key)]
        limit 1
      ),
      b.key) = b.key
    -- It has a breaker of its own, whose time has not come, or its receiver has asked for a pause.
    and not exists (
      select
      from posthorn.breakers as own
      where own.key = (:'origin_lanes'::bigint[])[array_position(:'origins'::bigint[], b.key)]
        and ((own.state = 'open' and own.open_until > now()) or own.throttled_until > now())
    )
    and not exists (
      select
      from posthorn.lane_rules as r
      where r.lane = (:'origin_lanes'::bigint[])[array_position(:'origins'::bigint[], b.key)]
        and (r.is_held or r.retry_at > now())
    )
  limit :'max_probes'::integer
  for update skip locked
),
ripe_lanes as materialized (
  select b.key, b.key as lane
  from posthorn.breakers as b
  where b.state = 'open'
    and b.open_until <= now()
    and (b.probe_until is null or b.probe_until < now())
    and (b.throttled_until is null or b.throttled_until <= now())
    and b.key <> b.origin
    -- The probe of the origin comes first.
    and coalesce((select o.state from posthorn.breakers as o where o.key = b.origin limit 1), 'closed') = 'closed'
    and not exists (
      select
      from posthorn.lane_rules as r
      where r.lane = b.key and (r.is_held or r.retry_at > now())
    )
    -- A worker that works and owns the limits of its tenant sends the probe itself, and counts it.
    and not exists (
      select
      from posthorn.endpoints as e
      join posthorn.lane_rules as t on t.lane = e.tenant_key
      join posthorn.workers as w on w.number = t.owner
      where e.lane = b.key
        and t.owner <> :'worker_number'::integer
        and w.seen_at > now() - interval '20 seconds'
    )
  order by b.open_until
  limit :'max_probes'::integer - (select count(*) from ripe_origins)
  for update skip locked
),
ripe as materialized (
  select b.key, b.lane, coalesce((select r.is_ordered from posthorn.lane_rules as r where r.lane = b.lane), false) as is_ordered
  from (select * from ripe_origins union all select * from ripe_lanes) as b
),
candidates as materialized (
  select r.lane, p.priority, due.webhook_id
  from ripe as r
  cross join unnest(array[0, 1, 2]::smallint[]) as p (priority)
  cross join lateral (
    select q.webhook_id
    from posthorn.queue as q
    where q.priority < 1000
      and (q.lease_until is null or q.lease_until < now())
      and q.lane = r.lane
      and q.priority = p.priority
      and q.due_at <= now()
    order by q.due_at
    limit 1
    for update skip locked
  ) as due
  where not r.is_ordered
),
firsts as (
  select distinct on (lane) webhook_id
  from candidates
  order by lane, priority
),
-- From an ordered lane the first webhook or none, as in claim.sql: a probe must not overtake it.
heads as materialized (
  select q.webhook_id
  from ripe as r
  cross join lateral (
    select first.webhook_id
    from unnest(array[0, 1, 2]::smallint[]) as p (priority)
    cross join lateral (
      select q.webhook_id, q.due_at
      from posthorn.queue as q
      where q.priority < 1000
        and q.lane = r.lane
        and q.priority = p.priority
        and q.due_at <= now()
      order by q.due_at, q.webhook_id
      limit 1
    ) as first
    order by first.due_at, first.webhook_id
    limit 1
  ) as head
  join posthorn.queue as q on q.webhook_id = head.webhook_id
  where r.is_ordered
    and (q.lease_until is null or q.lease_until < now())
  for update of q skip locked
),
claimed as (
  update posthorn.queue
  set
    attempts = least(attempts + 1, 32767),
    uncounted = least(uncounted + (lease_until is not null)::integer, 32767),
    lease_until = now() + :'lease_s'::float8 * interval '1 second',
    leased_by = :'worker_number'::integer
  where webhook_id = any (array(select webhook_id from firsts union all select webhook_id from heads))
  returning webhook_id, outbox_id, lane, origin, tenant_key, priority, attempts, uncounted, past_attempts, due_at
),
taken as (
  update posthorn.breakers as b
  set
    probe_until = now() + :'lease_s'::float8 * interval '1 second',
    probe_webhook = c.webhook_id,
    probe_attempt = c.attempts
  from claimed as c
  join ripe as r on r.lane = c.lane
  where b.key = any (array(select key from ripe))
    and b.key = r.key
),
postponed as (
  update posthorn.breakers as b
  set
    open_until = now() + case
      when exists (
        select
        from unnest(array[0, 1, 2]::smallint[]) as p (priority)
        cross join lateral (
          select
          from posthorn.queue as q
          where q.priority < 1000
            and q.lane = b.key
            and q.priority = p.priority
            and q.due_at <= now()
          limit 1
        ) as due
      )
      then interval '5 seconds'
      else interval '30 seconds'
    end
  from ripe_lanes as r
  where b.key = any (array(select key from ripe_lanes))
    and b.key = r.key
    and not exists (select from claimed as c where c.lane = r.lane)
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
  coalesce(o.body, '') as body,
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
  e.retry_schedule_s
from claimed as c
left join posthorn.outbox as o on o.id = c.outbox_id
-- The endpoint of an event's webhook is known by its lane, which no URL has.
left join posthorn.endpoints as e
  on e.lane = case
    when o.url is null then c.lane
    when o.signed_as is not null then posthorn.lane_of(o.signed_as)
  end
