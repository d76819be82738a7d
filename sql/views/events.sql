-- The events, and the place to INSERT them: a row goes to the outbox, and the trigger there enqueues its webhooks. COPY
-- needs the table itself: copy posthorn.outbox (tenant, event_type, body) from ...
create or replace view posthorn.events as
select
  o.id,
  o.tenant,
  o.event_type,
  o.body,
  o.headers,
  o.content_type,
  o.priority,
  o.send_at,
  o.max_attempts,
  o.idempotency_key,
  o.traceparent,
  o.created_at,
  -- The endpoints that it went to; null while a job is still adding them.
  case
    when not exists (select from posthorn.fan_outs as f where f.event_id = o.id) then (
      select count(*)
      from (
        select q.webhook_id
        from posthorn.queue as q
        where q.webhook_id >= posthorn.first_webhook_id(o.id)
          and q.webhook_id <= posthorn.last_webhook_id(o.id)
          and q.outbox_id = o.id
        union
        select e.webhook_id
        from posthorn.outcomes as e
        where e.webhook_id >= posthorn.first_webhook_id(o.id)
          and e.webhook_id <= posthorn.last_webhook_id(o.id)
          and e.outbox_id = o.id
      ) as w
    )
  end as recipients
from posthorn.outbox as o
where o.event_type is not null;

comment on view posthorn.events is 'The events. INSERT here, in your own transaction: the webhooks to all who subscribe are enqueued in it.';
