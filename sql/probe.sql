-- Takes the probes that are due: one webhook of each lane whose breaker has been open for long enough. The row lock and
-- the lease make it one probe per open interval over all workers; a prober that dies frees it when the lease runs out.
--
-- $1 worker number  $2 most probes to take  $3 lease of the webhook and of the probe, seconds
--
-- Returns the columns of claim.sql, without its last row. A lane with nothing due is not probed.
with ripe as materialized (
  select b.lane
  from posthorn.breakers as b
  where b.state = 'open'
    and b.open_until <= now()
    and (b.probe_until is null or b.probe_until < now())
    and (b.paused_until is null or b.paused_until <= now())
    and not exists (
      select
      from posthorn.lane_rules as r
      where r.lane = b.lane and (r.is_held or r.retry_at > now())
    )
  order by b.open_until
  limit $2::integer
  for update skip locked
),
found as materialized (
  select r.lane, due.webhook_id
  from ripe as r
  left join lateral (
    select first.webhook_id
    from unnest(array[0, 1, 2]::smallint[]) as p (priority)
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
    ) as first
    order by p.priority
    limit 1
  ) as due on true
),
postponed as (
  -- Nothing to probe with: looked at again later, so that such lanes do not stand before the others for ever.
  update posthorn.breakers as b
  set open_until = now() + interval '30 seconds'
  from found as f
  where b.lane = f.lane
    and f.webhook_id is null
),
taken as (
  update posthorn.breakers as b
  set probe_until = now() + $3::float8 * interval '1 second', probe_by = $1::integer
  from found as f
  where b.lane = f.lane
    and f.webhook_id is not null
  returning f.webhook_id
),
candidates as materialized (
  select q.webhook_id
  from posthorn.queue as q
  where q.webhook_id = any (array(select webhook_id from taken))
    and (q.lease_until is null or q.lease_until < now())
  for update skip locked
),
claimed as (
  update posthorn.queue
  set
    attempts = least(attempts + 1, 32767),
    uncounted = least(uncounted + (lease_until is not null)::integer, 32767),
    lease_until = now() + $3::float8 * interval '1 second',
    leased_by = $1::integer
  where webhook_id = any (array(select webhook_id from candidates))
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
  e.retry_schedule_s
from claimed as c
left join posthorn.outbox as o on o.id = c.outbox_id
left join posthorn.endpoints as e on e.id = coalesce(o.endpoint_id, o.signed_as)
