-- One row per webhook with its state, for people who use psql. It shows no body, secret or header.
--
-- Columns that need a look at the attempts are subqueries, so that they cost nothing unless asked for.
--
-- A column of the outcomes stays as it is, so that "where status = 'failed'" can use their index.
--
-- The join with the outbox is written with >= and <=, so that Postgres can only look each row up by its primary key: with
-- = it joined the webhooks of an hour with the whole outbox, because a bound on one table's id does not apply to the
-- other's (3 s with ten million, and 0.2 s this way). The bounds on webhook_id find the webhooks of an event: see
-- webhook_id(). A webhook to one address has the id of its row in the outbox, which is between them as well.
create or replace view posthorn.webhooks as
select
  w.webhook_id as id,
  coalesce(o.url, (select p.url from posthorn.endpoints as p where p.lane = w.lane)) as url,
  case when o.url is null then coalesce(o.endpoint_id, (select p.id from posthorn.endpoints as p where p.lane = w.lane)) end
    as endpoint_id,
  w.status,
  w.attempts,
  o.created_at,
  -- It is sent no sooner than this; null while it is being sent, and while its endpoint is paused or disabled.
  case
    when w.status = 'pending' then (
      select case when count(*) = count(l.until) then greatest(w.due_at, max(l.until)) end
      from posthorn.lane_blocks as l
      where l.key in (w.lane, w.origin)
    )
  end as next_attempt_at,
  case
    when w.status = 'pending' then coalesce(
      -- What keeps it for longest; while it is not due itself, only what somebody must undo.
      (
        select l.reason
        from posthorn.lane_blocks as l
        where l.key in (w.lane, w.origin) and (l.is_held or w.due_at <= now())
        order by l.until desc nulls first
        limit 1
      ),
      case when w.due_at > now() then 'due_time' end,
      -- What a worker holds back so that others have room. The workers are few, and mostly hold nobody back.
      (
        select g.level || '_slots'
        from posthorn.workers as k
        cross join lateral jsonb_to_recordset(k.held_back) as g (key bigint, level text)
        where k.held_back <> '[]' and g.key in (w.tenant_key, w.origin)
        order by g.level desc
        limit 1
      ),
      'slot')
  end as waits_for,
  w.finished_at,
  coalesce(
    w.last_status_code,
    (select a.status_code from posthorn.attempts as a where a.webhook_id = w.webhook_id order by a.number desc limit 1)
  ) as last_status_code,
  (select a.error from posthorn.attempts as a where a.webhook_id = w.webhook_id order by a.number desc limit 1) as last_error,
  w.reason,
  o.priority,
  o.send_at,
  o.max_attempts,
  o.idempotency_key,
  o.content_type,
  octet_length(o.body) as body_bytes,
  w.lane,
  coalesce(
    nullif(case when o.event_type is null then o.tenant end, ''),
    (select p.tenant from posthorn.endpoints as p where p.lane = w.lane and o.url is null),
    o.tenant) as tenant,
  -- The row of the outbox: the event, or the webhook itself. It is what the header webhook-id says.
  o.id as event_id,
  -- Null: it is no event's.
  o.event_type
from (
  select
    webhook_id, outbox_id, lane,
    case when lease_until > now() then 'delivering' else 'pending' end::posthorn.webhook_status as status,
    attempts, due_at, null::timestamptz as finished_at, null::smallint as last_status_code, null::text as reason,
    coalesce(origin, (select p.origin from posthorn.endpoints as p where p.lane = queue.lane)) as origin,
    case when origin is null then (select p.tenant_key from posthorn.endpoints as p where p.lane = queue.lane) else tenant_key end
      as tenant_key
  from posthorn.queue
  union all
  select
    webhook_id, outbox_id, lane, status, attempts, null, finished_at, last_status_code, reason, null, null
  from posthorn.outcomes
) as w
join posthorn.outbox as o
  on o.id >= w.outbox_id
  and o.id <= w.outbox_id
  and w.webhook_id >= posthorn.first_webhook_id(o.id)
  and w.webhook_id <= posthorn.last_webhook_id(o.id);

comment on view posthorn.webhooks is 'Every webhook with its state: pending, delivering, delivered, failed or cancelled.';
comment on column posthorn.webhooks.id is 'UUID v7. It is what the header X-Webhook-ID says.';
comment on column posthorn.webhooks.url is 'Where it goes.';
comment on column posthorn.webhooks.endpoint_id is 'The registered endpoint that it goes to. Null: it goes to a URL.';
comment on column posthorn.webhooks.status is 'pending, delivering, delivered, failed or cancelled.';
comment on column posthorn.webhooks.attempts is 'The attempts so far.';
comment on column posthorn.webhooks.created_at is 'When it was inserted, or its event was published.';
comment on column posthorn.webhooks.next_attempt_at is 'It is sent no sooner than this. Null: it is being sent, has ended, or somebody must first resume its endpoint.';
comment on column posthorn.webhooks.waits_for is 'What a pending webhook waits for: docs/api.md lists the reasons.';
comment on column posthorn.webhooks.finished_at is 'When it ended. Null: it has not.';
comment on column posthorn.webhooks.last_status_code is 'The status of the last answer. Null: there was none.';
comment on column posthorn.webhooks.last_error is 'Why the last attempt failed, as a code.';
comment on column posthorn.webhooks.reason is 'Why it ended so, as a code.';
comment on column posthorn.webhooks.priority is 'high, normal or low.';
comment on column posthorn.webhooks.send_at is 'The earliest time to send it. Null: at once.';
comment on column posthorn.webhooks.max_attempts is '1 to 100. Null: as many as the retry schedule has.';
comment on column posthorn.webhooks.idempotency_key is 'The key that its producer gave it.';
comment on column posthorn.webhooks.content_type is 'The media type of the body.';
comment on column posthorn.webhooks.body_bytes is 'The size of the body.';
comment on column posthorn.webhooks.lane is 'The key of the endpoint, or of the URL without its query.';
comment on column posthorn.webhooks.tenant is 'The customer that it belongs to. Empty: the application itself.';
comment on column posthorn.webhooks.event_id is 'The row of the outbox: the event, or the webhook itself. It is what the header webhook-id says.';
comment on column posthorn.webhooks.event_type is 'The type of its event. Null: it has none.';
