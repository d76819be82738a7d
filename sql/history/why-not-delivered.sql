-- Why a webhook is not delivered, in one sentence; or what became of an event.
--
-- posthorn report why-not-delivered --id 01a20a3b-2900-72ae-a455-000000049293
-- psql "$DATABASE_URL" -f sql/history/why-not-delivered.sql -v id=01a20a3b-2900-72ae-a455-000000049293
\if :{?id}

with webhook as (
  select
    k.id,
    o.id is not null as is_known,
    q.webhook_id is null and e.webhook_id is null and o.event_type is not null as is_event,
    o.event_type,
    o.tenant,
    split_part(coalesce(o.url, p.url), '?', 1) as url,
    p.status as endpoint_status,
    p.status_reason,
    p.status_since,
    o.send_at,
    q.webhook_id is not null as is_live,
    q.lane,
    coalesce(q.origin, p.origin) as origin,
    case when q.origin is null then posthorn.tenant_key(p.tenant) else q.tenant_key end as tenant_key,
    q.priority,
    q.due_at,
    q.lease_until,
    q.leased_by,
    coalesce(e.attempts, q.attempts) as attempts,
    e.status,
    e.reason,
    e.finished_at
  from (select :'id'::uuid as id) as k
  left join posthorn.queue as q on q.webhook_id = k.id
  left join posthorn.outcomes as e on e.webhook_id = k.id
  left join posthorn.redacted_outbox as o on o.id = coalesce(q.outbox_id, e.outbox_id, k.id)
  left join posthorn.redacted_endpoints as p
    on p.lane = coalesce(q.lane, e.lane, posthorn.lane_of(o.endpoint_id)) and o.url is null
),
last_attempt as (
  select
    number,
    started_at,
    case
      when status_code is not null then format('was answered with HTTP %s', status_code)
      when error_message is not null then format('ended with %s (%s)', error, error_message)
      when error is not null then format('ended with %s', error)
      else 'has not been heard of since'
    end as ending
  from posthorn.redacted_attempts
  where webhook_id = :'id'::uuid
  order by number desc
  limit 1
)
select
  case
    when not w.is_known then
      'No webhook has this id: its transaction was rolled back or has not committed yet, or its history was dropped.'
    when w.is_event and event.is_fanned_out then
      format('The event %s goes to so many endpoints that a job adds its webhooks: %s so far.', named.event, event.webhooks)
    when w.is_event and event.webhooks > 0 then
      format('The event %s went to %s: %s delivered, %s failed, %s cancelled, %s not finished. "posthorn report event --id %s" shows each.',
        named.event, event.webhooks || case event.webhooks when 1 then ' endpoint' else ' endpoints' end,
        event.delivered, event.failed, event.cancelled, event.unfinished, w.id)
    when w.is_event and event.is_unmatched then
      format('No endpoint received the event %s: none had subscribed to it, or was enabled. "posthorn report event --id %s" says why for each endpoint.',
        named.event, w.id)
    when w.status = 'delivered' then
      format('It was delivered at %s by attempt %s.', date_trunc('second', w.finished_at), w.attempts)
    when w.status = 'cancelled' then
      format('It was cancelled at %s after %s, so it is not sent any more.',
        date_trunc('second', w.finished_at), said.attempts)
    when w.reason = 'endpoint_deleted' then
      format('It failed at %s as its endpoint %s was deleted while it waited.',
        date_trunc('second', w.finished_at), w.url)
    when w.reason = 'payload_gone' then
      format('It failed at %s as its row had been deleted from posthorn.outbox: there was nothing left to send.',
        date_trunc('second', w.finished_at))
    -- What src/domain/classify.ts does not retry: most 4xx, and what no retry can mend.
    when w.status = 'failed' and (
      w.reason in ('gone', 'address_blocked_literal', 'url_invalid', 'request_invalid')
      or (w.reason like 'http\_4__' and w.reason not in ('http_408', 'http_425', 'http_429'))
    ) then
      format('It failed at %s after %s: the last one %s, and %s is not retried.',
        date_trunc('second', w.finished_at), said.attempts, said.ending, w.reason)
    when w.status = 'failed' then
      format('It failed at %s as it was tried as %s as it may be, with %s: the last one %s.',
        date_trunc('second', w.finished_at),
        -- With Retry-After these use up no attempt, and the time of the whole schedule ends it.
        case when w.reason in ('http_429', 'http_503') then 'often or for as long' else 'often' end,
        said.attempts, said.ending)
    when not w.is_live then
      'It was never enqueued: the trigger of posthorn.outbox did not fire when it was inserted (session_replication_role = replica, disabled triggers, or an insert into a partition itself). "posthorn doctor --repair" enqueues it.'
    when w.lease_until > now() then
      format('It is being sent now: worker %s began attempt %s%s.',
        w.leased_by, w.attempts, ' ' || date_trunc('second', now() - a.started_at) || ' ago')
    when k.reason = 'catching_up' then
      format('Its endpoint %s takes webhooks in order and first receives what it missed while it was disabled: it is held until then.',
        w.url)
    when k.is_held then
      format('Its endpoint %s has been %s since %s, %s: it is held until that is undone.',
        w.url, replace(k.reason, 'endpoint_', ''), date_trunc('second', w.status_since),
        case w.status_reason
          when 'failing' then 'as it had no success for days'
          when 'gone' then 'as it answered 410 Gone twice'
          else 'as somebody asked for'
        end)
    when w.due_at > now() and w.attempts = 0 then
      format('It is not sent before %s, in %s, as its send_at says.',
        date_trunc('second', w.due_at), date_trunc('second', w.due_at - now()))
    when w.due_at > now() then
      format('Attempt %s %s; the next one is due at %s, in %s.',
        w.attempts, said.ending, date_trunc('second', w.due_at), date_trunc('second', w.due_at - now()))
    when workers.alive = 0 then
      format('It has been due for %s and no worker is alive: start one with "posthorn start" or "posthorn worker".',
        date_trunc('second', now() - w.due_at))
    when k.reason = 'origin_breaker' then
      format('It has been due for %s, but nothing at %s has answered since %s (%s times in a row, last with %s): %s.',
        date_trunc('second', now() - w.due_at), b.url, date_trunc('second', b.failing_since), b.consecutive, b.last_error,
        case
          when b.probe_until > now() then 'another webhook is being sent there as a probe'
          when b.open_until > now() then format('a probe is sent at %s', date_trunc('second', b.open_until))
          else 'a probe is about to be sent'
        end)
    when k.reason = 'breaker' then
      format('It has been due for %s, but its endpoint %s has failed since %s (%s times in a row, last with %s): %s.',
        date_trunc('second', now() - w.due_at), b.url, date_trunc('second', b.failing_since), b.consecutive, b.last_error,
        case
          when b.probe_until > now() then 'another webhook is being sent to it as a probe'
          when b.open_until > now() then format('a probe is sent at %s', date_trunc('second', b.open_until))
          else 'a probe is about to be sent'
        end)
    when k.reason = 'throttled' then
      format('It has been due for %s, but its endpoint %s has asked to be left alone until %s.',
        date_trunc('second', now() - w.due_at), b.url, date_trunc('second', k.until))
    when k.reason = 'retry_of_the_first' then
      format('It has been due for %s, but its endpoint %s takes webhooks in order, and the first one %s is tried again at %s.',
        date_trunc('second', now() - w.due_at), w.url,
        case when before.leased + before.waiting = 0 then '(this one)' else 'before it' end,
        date_trunc('second', k.until))
    when w.lease_until is not null then
      format('Worker %s began attempt %s and has not said how it ended; its lease ran out %s ago, so the next free worker takes it.',
        w.leased_by, w.attempts, date_trunc('second', now() - w.lease_until))
    when h.reason is not null then
      format('It has been due for %s, but worker %s has held back the %s since %s: %s.',
        date_trunc('second', now() - w.due_at), h.worker, h.what, date_trunc('second', h.since),
        case h.reason
          when 'no_answer' then format('it has %s requests in flight there, and gets no answer', h.in_flight)
          when 'failing' then 'all answers lately were failures, so it keeps few slots'
          when 'limit' then 'it uses all that its own limits allow'
          when 'slots' then format('it uses all %s slots that it has earned', h.slots)
          when 'share' then 'the worker is nearly full, and it has its share of it'
          else 'it has not answered lately, and others like it use the slots'
        end)
    when before.leased + before.waiting = 0 then
      format('It has been due for %s and is the next of its endpoint: it waits for a free slot.',
        date_trunc('second', now() - w.due_at))
    else
      format('It has been due for %s and waits for a free slot of its endpoint, %s: before it, %s are being sent and %s wait.',
        date_trunc('second', now() - w.due_at), w.url, before.leased,
        case when before.waiting > 10000 then 'more than 10000' else before.waiting::text end)
  end as why
from webhook as w
left join last_attempt as a on true
left join lateral (
  select reason, until, is_held
  from posthorn.lane_blocks
  where key in (w.lane, w.origin)
  order by until desc nulls first
  limit 1
) as k on true
left join lateral (
  select
    k.number as worker,
    concat_ws(' ', g.level, g.name) as what,
    g.reason,
    g.since,
    g.in_flight,
    g.slots
  from posthorn.workers as k
  cross join lateral jsonb_to_recordset(k.held_back) as g (
    key bigint, level text, name text, reason text, since timestamptz, in_flight integer, slots integer
  )
  where g.key in (w.tenant_key, w.origin)
  order by g.level desc
  limit 1
) as h on true
left join posthorn.breakers as b on b.key = case when k.reason = 'origin_breaker' then w.origin else w.lane end
cross join lateral (
  select
    format('%s %s', w.attempts, case w.attempts when 1 then 'attempt' else 'attempts' end) as attempts,
    coalesce(a.ending, 'is not in the history') as ending
) as said
cross join lateral (
  select
    count(*) as webhooks,
    count(*) filter (where each.status = 'delivered') as delivered,
    count(*) filter (where each.status = 'failed') as failed,
    count(*) filter (where each.status = 'cancelled') as cancelled,
    count(*) filter (where each.status is null) as unfinished,
    exists (select from posthorn.fan_outs as f where f.event_id = w.id) as is_fanned_out,
    exists (select from posthorn.unmatched_events as u where u.event_id = w.id) as is_unmatched
  from (
    select null::posthorn.webhook_status as status
    from posthorn.queue as q
    where w.is_event
      and q.webhook_id >= posthorn.first_webhook_id(w.id)
      and q.webhook_id <= posthorn.last_webhook_id(w.id)
      and q.outbox_id = w.id
    union all
    select f.status
    from posthorn.outcomes as f
    where w.is_event
      and f.webhook_id >= posthorn.first_webhook_id(w.id)
      and f.webhook_id <= posthorn.last_webhook_id(w.id)
      and f.outbox_id = w.id
  ) as each
) as event
cross join lateral (
  select
    format('%s of %s', w.event_type, case w.tenant when '' then 'the application' when '*' then 'all tenants' else w.tenant end)
      as event
) as named
cross join (select count(*) as alive from posthorn.live_workers) as workers
cross join lateral (
  select
    count(*) filter (where lease_until > now()) as leased,
    count(*) filter (where lease_until is null or lease_until <= now()) as waiting
  from (
    select lease_until
    from posthorn.queue as q
    where q.priority < 1000
      and q.lane = w.lane
      and q.priority = w.priority
      and q.due_at < w.due_at
    order by q.due_at
    -- A dead endpoint may have a million before it.
    limit 10001
  ) as earlier
) as before;

\else
  \warn 'Cannot say why as the id of a webhook or an event must be given: psql ... -v id=<uuid>'
\endif
