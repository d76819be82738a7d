-- Why an endpoint received an event or did not: a row for each endpoint of the event's tenant, of all tenants if it was a
-- broadcast, and for each other endpoint that has a webhook of it. It is about the time of the event: recipients() says
-- what would happen now. "why" is, for a webhook that has failed or was cancelled, the reason; for one that waits, what it
-- waits for; and without a webhook
--
-- 'history_dropped'       the event is kept for another endpoint: whether this one had received it is not known any more
-- 'no_subscription'       none of its subscriptions is for this type
-- 'subscribed_later'      one is, but was made after the event; catch_up() adds the webhook
-- 'subscription_ended'    one was, but had ended before the event, or ended while the endpoint was disabled
-- 'filter_is_false'       the filter says no
-- 'filter_has_no_answer'  the filter does not fit the body: it compares values of different types
-- 'body_is_not_json'      the filter cannot read the body
-- 'being_added'           a job is still adding the webhooks
-- 'disabled'              the endpoint is disabled; it catches up when it is enabled
-- 'catching_up'           the endpoint was enabled, and a job is adding what it has missed
-- 'not_added'             it should have received it: it was enabled without catching up, or no trigger fired; catch_up()
--                         adds the webhook
--
-- It shows no body and no query string, so that readers may call it.
create or replace function posthorn.explain_event(event_id uuid)
  returns table (
    tenant text,
    endpoint_id uuid,
    url text,
    webhook_id uuid,
    status posthorn.webhook_status,
    attempts integer,
    last_status_code integer,
    last_error text,
    why text
  )
  language sql stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  set jit = off
  as $$
    with event as materialized (
      select
        o.id,
        o.tenant,
        o.created_at,
        posthorn.type_and_above(o.event_type) as types,
        exists (select from posthorn.fan_outs as f where f.event_id = o.id) as is_fanned_out,
        o.id < (select posthorn.history_floor()) as is_dropped
      from posthorn.outbox as o
      where o.id = explain_event.event_id
        and o.event_type is not null
    ),
    -- Read only if a filter asks for it.
    body as materialized (
      select posthorn.json_of(o.body) as json from posthorn.outbox as o where o.id = explain_event.event_id
    ),
    added as materialized (
      select q.webhook_id, q.lane
      from posthorn.queue as q
      where q.webhook_id between posthorn.first_webhook_id(explain_event.event_id)
          and posthorn.last_webhook_id(explain_event.event_id)
        and q.outbox_id = explain_event.event_id
      union all
      select f.webhook_id, f.lane
      from posthorn.outcomes as f
      where f.webhook_id between posthorn.first_webhook_id(explain_event.event_id)
          and posthorn.last_webhook_id(explain_event.event_id)
        and f.outbox_id = explain_event.event_id
    ),
    endpoints as materialized (
      select e.id
      from event as v
      cross join posthorn.endpoints as e
      where v.tenant <> '*'
        and e.tenant = v.tenant
        and e.status <> 'deleted'
      union
      select e.id
      from event as v
      cross join posthorn.endpoints as e
      where v.tenant = '*'
        and e.status <> 'deleted'
      union
      select e.id
      from event as v
      cross join added as a
      join posthorn.endpoints as e on e.lane = a.lane
    )
    select
      e.tenant,
      e.id,
      split_part(e.url, '?', 1),
      w.id,
      w.status,
      w.attempts,
      w.last_status_code,
      w.last_error,
      case
        when w.id is not null then coalesce(w.reason, w.waits_for)
        when v.is_dropped then 'history_dropped'
        when s.id is null then 'no_subscription'
        when not s.was_made then 'subscribed_later'
        when s.had_ended then 'subscription_ended'
        when not s.fits then 'filter_is_false'
        when s.fits is null and (select json from body) is null then 'body_is_not_json'
        when s.fits is null then 'filter_has_no_answer'
        when v.is_fanned_out then 'being_added'
        when s.is_over then 'subscription_ended'
        when e.status = 'disabled' then 'disabled'
        when e.catching_up then 'catching_up'
        else 'not_added'
      end
    from event as v
    cross join endpoints as n
    cross join lateral (
      select p.id, p.tenant, p.url, p.status, p.catching_up from posthorn.endpoints as p where p.id = n.id offset 0
    ) as e
    left join lateral (
      select h.id, h.status, h.attempts, h.last_status_code, h.last_error, h.reason, h.waits_for
      from posthorn.webhooks as h
      where h.id = posthorn.webhook_id(v.id, e.id)
      offset 0
    ) as w on true
    left join lateral (
      select m.*
      from (
        select
          c.id,
          c.created_at <= v.created_at as was_made,
          coalesce(c.ended_at <= v.created_at, false) as had_ended,
          c.ended_at is not null as is_over,
          case when c.filter is null then true else (select json from body) @@ c.filter end as fits
        from posthorn.subscriptions as c
        where c.endpoint_id = e.id
          and c.event_type = any (v.types)
      ) as m
      -- The one that was in force, and of several the one that lets the event through.
      order by m.was_made and not m.had_ended desc, m.fits desc nulls last, m.is_over, m.id
      limit 1
    ) as s on true
    order by e.tenant, e.id
  $$;

revoke execute on function posthorn.explain_event(uuid) from public;

comment on function posthorn.explain_event is 'Why each endpoint of the tenant received an event, or did not.';
