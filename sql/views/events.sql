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
comment on column posthorn.events.id is 'UUID v7. It is what the header webhook-id says. Leave it out in INSERT: it has a default.';
comment on column posthorn.events.tenant is 'Your own id of the customer. Empty: the application itself. * means all tenants.';
comment on column posthorn.events.event_type is 'Words with dots between them, such as order.paid.';
comment on column posthorn.events.body is 'What is sent, byte for byte: text up to 1 MiB.';
comment on column posthorn.events.headers is 'Request headers: a JSON object of strings.';
comment on column posthorn.events.content_type is 'The media type of the body.';
comment on column posthorn.events.priority is 'high, normal or low.';
comment on column posthorn.events.send_at is 'The earliest time to send it. Null: at once.';
comment on column posthorn.events.max_attempts is '1 to 100. Null: as many as the retry schedule has.';
comment on column posthorn.events.idempotency_key is 'At most one webhook or event per key of a tenant, for 7 days.';
comment on column posthorn.events.traceparent is 'W3C Trace Context, passed on to the receivers.';
comment on column posthorn.events.created_at is 'When it was published.';
comment on column posthorn.events.recipients is 'How many endpoints it went to. Null: a job is still adding them.';
