-- One row per webhook with its state, for people who use psql. It shows no body, secret or header.
--
-- Columns that need a look at the attempts are subqueries, so that they cost nothing unless asked for. Each webhook's
-- state is looked up separately. As plain joins, the webhooks of an hour were joined with all outcomes, because a bound
-- on one table's id does not apply to the other's: 3 s with ten million, and 0.2 s this way.
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
      and not coalesce((select r.is_held from posthorn.lane_rules as r where r.lane = q.lane), false)
    then greatest(
      q.due_at,
      (select r.retry_at from posthorn.lane_rules as r where r.lane = q.lane),
      (
        select greatest(b.paused_until, case when b.state = 'open' then b.open_until end)
        from posthorn.breakers as b
        where b.lane = q.lane
      ))
  end as next_attempt_at,
  case
    when q.webhook_id is null or q.lease_until > now() then null
    when (select r.is_held from posthorn.lane_rules as r where r.lane = q.lane) then (
      select 'endpoint_' || p.status::text from posthorn.endpoints as p where p.id = o.endpoint_id)
    when q.due_at > now() then 'due_time'
    when (select r.retry_at > now() from posthorn.lane_rules as r where r.lane = q.lane) then 'retry_of_the_first'
    when (select b.state = 'open' from posthorn.breakers as b where b.lane = q.lane) then 'breaker'
    when (select b.paused_until > now() from posthorn.breakers as b where b.lane = q.lane) then 'retry_after'
    else 'slot'
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
  coalesce(e.lane, q.lane) as lane
from posthorn.outbox as o
left join lateral (select * from posthorn.queue where webhook_id = o.id offset 0) as q on true
left join lateral (select * from posthorn.outcomes where webhook_id = o.id offset 0) as e on true;

comment on view posthorn.webhooks is 'Every webhook with its state: pending, delivering, delivered, failed or cancelled.';
