-- One row per webhook with its state, for people who use psql. It shows no body, secret or header.
--
-- Columns that need a look at the attempts are subqueries, so that they cost nothing unless asked for. Each webhook's
-- state is looked up separately. As plain joins, the webhooks of an hour were joined with all outcomes, because a bound
-- on one table's id does not apply to the other's: 3 s with ten million, and 0.2 s this way.
-- The first part has the webhooks to one address, whose id is that of their row in the outbox. The second has those of
-- events, which are found between the bounds of their event, or by their own id: see webhook_id().
create or replace view posthorn.webhooks as
select
  o.id,
  coalesce(o.url, (select p.url from posthorn.endpoints as p where p.id = o.endpoint_id)) as url,
  o.endpoint_id,
  case
    when e.webhook_id is not null then e.status
    when q.lease_until > now() then 'delivering'
    else 'pending'
  end as status,
  coalesce(e.attempts, q.attempts, 0::smallint) as attempts,
  o.created_at,
  -- It is sent no sooner than this; null while it is being sent, and while its endpoint is paused or disabled.
  case
    when q.webhook_id is not null
      and (q.lease_until is null or q.lease_until <= now())
    then (
      select case when count(*) = count(l.until) then greatest(q.due_at, max(l.until)) end
      from posthorn.lane_blocks as l
      where l.lane = q.lane
    )
  end as next_attempt_at,
  case
    when q.webhook_id is null or q.lease_until > now() then null
    else coalesce(
      -- What keeps it for longest; while it is not due itself, only what somebody must undo.
      (
        select l.reason
        from posthorn.lane_blocks as l
        where l.lane = q.lane and (l.is_held or q.due_at <= now())
        order by l.until desc nulls first
        limit 1
      ),
      case when q.due_at > now() then 'due_time' else 'slot' end)
  end as waits_for,
  e.finished_at,
  coalesce(
    e.last_status_code,
    (select a.status_code from posthorn.attempts as a where a.webhook_id = o.id order by a.number desc limit 1)
  ) as last_status_code,
  (select a.error from posthorn.attempts as a where a.webhook_id = o.id order by a.number desc limit 1) as last_error,
  e.reason,
  o.priority,
  o.send_at,
  o.max_attempts,
  o.idempotency_key,
  o.content_type,
  octet_length(o.body) as body_bytes,
  coalesce(e.lane, q.lane) as lane,
  coalesce(nullif(o.tenant, ''), (select p.tenant from posthorn.endpoints as p where p.id = o.endpoint_id), '') as tenant,
  null::uuid as event_id,
  null::text as event_type
from posthorn.outbox as o
left join lateral (select * from posthorn.queue where webhook_id = o.id offset 0) as q on true
left join lateral (select * from posthorn.outcomes where webhook_id = o.id offset 0) as e on true
where o.event_type is null
union all
select
  w.webhook_id,
  p.url,
  p.id,
  case
    when e.webhook_id is not null then e.status
    when q.lease_until > now() then 'delivering'
    else 'pending'
  end as status,
  coalesce(e.attempts, q.attempts, 0::smallint) as attempts,
  o.created_at,
  -- It is sent no sooner than this; null while it is being sent, and while its endpoint is paused or disabled.
  case
    when q.webhook_id is not null
      and (q.lease_until is null or q.lease_until <= now())
    then (
      select case when count(*) = count(l.until) then greatest(q.due_at, max(l.until)) end
      from posthorn.lane_blocks as l
      where l.lane = q.lane
    )
  end as next_attempt_at,
  case
    when q.webhook_id is null or q.lease_until > now() then null
    else coalesce(
      -- What keeps it for longest; while it is not due itself, only what somebody must undo.
      (
        select l.reason
        from posthorn.lane_blocks as l
        where l.lane = q.lane and (l.is_held or q.due_at <= now())
        order by l.until desc nulls first
        limit 1
      ),
      case when q.due_at > now() then 'due_time' else 'slot' end)
  end as waits_for,
  e.finished_at,
  coalesce(
    e.last_status_code,
    (select a.status_code from posthorn.attempts as a where a.webhook_id = w.webhook_id order by a.number desc limit 1)
  ) as last_status_code,
  (select a.error from posthorn.attempts as a where a.webhook_id = w.webhook_id order by a.number desc limit 1) as last_error,
  e.reason,
  o.priority,
  o.send_at,
  o.max_attempts,
  o.idempotency_key,
  o.content_type,
  octet_length(o.body) as body_bytes,
  w.lane,
  coalesce(p.tenant, o.tenant),
  o.id,
  o.event_type
from posthorn.outbox as o
join (
  select webhook_id, outbox_id, lane from posthorn.queue
  union all
  select webhook_id, outbox_id, lane from posthorn.outcomes
) as w
  on w.outbox_id = o.id
  and w.webhook_id >= posthorn.first_webhook_id(o.id)
  and w.webhook_id <= posthorn.last_webhook_id(o.id)
left join posthorn.endpoints as p on p.lane = w.lane
left join lateral (select * from posthorn.queue where webhook_id = w.webhook_id offset 0) as q on true
left join lateral (select * from posthorn.outcomes where webhook_id = w.webhook_id offset 0) as e on true
where o.event_type is not null;

comment on view posthorn.webhooks is 'Every webhook with its state: pending, delivering, delivered, failed or cancelled.';
