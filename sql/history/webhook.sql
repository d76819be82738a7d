-- The life of one webhook: when it was enqueued, each attempt and how it ended, and what comes next or how it ended.
--
-- posthorn report webhook --id 01a20a3b-2900-72ae-a455-000000049293
-- psql "$DATABASE_URL" -f sql/history/webhook.sql -v id=01a20a3b-2900-72ae-a455-000000049293
\if :{?id}

with webhook as (
  select
    k.id,
    coalesce(o.url, p.url) as url,
    o.priority,
    o.content_type,
    o.body_bytes,
    o.created_at,
    o.send_at,
    o.event_type,
    coalesce(p.tenant, o.tenant) as tenant,
    q.webhook_id is not null as is_live,
    q.due_at,
    q.lease_until,
    q.leased_by,
    q.attempts as begun,
    e.status,
    e.reason,
    e.attempts,
    e.finished_at
  from (select :'id'::uuid as id) as k
  left join posthorn.queue as q on q.webhook_id = k.id
  left join posthorn.outcomes as e on e.webhook_id = k.id
  left join posthorn.redacted_outbox as o on o.id = coalesce(q.outbox_id, e.outbox_id, k.id)
  left join posthorn.redacted_endpoints as p
    on p.lane = coalesce(q.lane, e.lane, posthorn.lane_of(o.endpoint_id)) and o.url is null
),
life as (
  select
    0 as step,
    created_at as at,
    'enqueued' as what,
    format('POST %s, priority %s, %s, %s bytes', split_part(url, '?', 1), priority, content_type, body_bytes)
      || coalesce(', event ' || event_type, '')
      || coalesce(', tenant ' || nullif(tenant, ''), '')
      || coalesce(', not before ' || date_trunc('second', send_at), '') as detail
  from webhook
  where url is not null
  union all
  select
    number,
    started_at,
    format('attempt %s', number),
    case
      when finished_at is null then format('under way in worker %s', worker)
      else concat_ws(', ',
        'HTTP ' || status_code,
        case when status_code is null then coalesce(error, 'no answer') end,
        error_message,
        'after ' || round(duration_ms::numeric, 1) || ' ms')
    end
  from posthorn.redacted_attempts
  where webhook_id = :'id'::uuid
  union all
  -- Between the attempts before and after it was put back.
  select
    attempts + 0.3,
    finished_at,
    status::text,
    reason
  from posthorn.former_outcomes
  where webhook_id = :'id'::uuid
  union all
  select
    attempts + 0.6,
    replayed_at,
    'sent again',
    case when replay_id is null then 'by itself' else format('by replay %s', replay_id) end
  from posthorn.former_outcomes
  where webhook_id = :'id'::uuid
  union all
  select
    40000,
    due_at,
    case when begun = 0 then 'first attempt' else 'next attempt' end,
    case
      when due_at <= now() then format('due for %s', date_trunc('second', now() - due_at))
      else format('due in %s', date_trunc('second', due_at - now()))
    end
  from webhook
  where is_live
    and (lease_until is null or lease_until <= now())
  union all
  select
    40001,
    finished_at,
    status::text,
    concat_ws(', ',
      reason,
      format('%s %s', attempts, case attempts when 1 then 'attempt' else 'attempts' end),
      format('%s after it was enqueued', date_trunc('milliseconds', finished_at - created_at)))
  from webhook
  where status is not null
)
select date_trunc('milliseconds', at) as at, what, detail
from life
order by step, at;

\else
  \warn 'Cannot show a webhook as its id must be given: psql ... -v id=<uuid>'
\endif
