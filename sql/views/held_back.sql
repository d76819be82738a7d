-- What is held back now: a row for each endpoint, URL, origin or tenant with each reason that there is for it.
--
-- level      tenant, origin, endpoint or url. An origin or a tenant is held back with all that belongs to it
-- name       for people: the tenant's id; scheme, host and port; the endpoint's description or its URL; the URL. No query strings.
--            Null: nothing waits there any more
-- reason     as in lane_blocks; full: a tenant has as many unfinished webhooks as its max_waiting allows. Of what a worker holds
--            back: no_answer, failing, limit, slots, share or unproven, which src/lanes/held-back.ts explains
-- until      not before this time; for a breaker, when the next probe may be sent; null: not until something happens
-- worker     the one that holds it back, with its requests in flight and its slots. Null: all of them do
create or replace view posthorn.held_back as
select
  case when b.key = b.origin then 'origin' when e.id is not null then 'endpoint' else 'url' end as level,
  coalesce(nullif(e.description, ''), split_part(coalesce(e.url, b.url), '?', 1)) as name,
  e.tenant,
  e.id as endpoint_id,
  l.reason,
  case l.reason
    when 'breaker' then b.failing_since
    when 'origin_breaker' then b.failing_since
    when 'throttled' then b.last_failure_at
    when 'retry_of_the_first' then (
      select a.started_at
      from posthorn.lane_rules as r
      join posthorn.attempts as a on a.webhook_id = r.retry_of
      where r.lane = l.key
      order by a.number desc
      limit 1
    )
    else e.status_since
  end as since,
  l.until,
  b.last_error,
  null::integer as in_flight,
  null::integer as slots,
  null::integer as worker
from posthorn.lane_blocks as l
left join posthorn.breakers as b on b.key = l.key
left join posthorn.endpoints as e on e.lane = l.key
union all
select 'tenant', id, id, null, 'full', full_since, null, null, null, null, null
from posthorn.tenants
where full_since is not null
union all
select
  g.level,
  coalesce(g.name, case g.level when 'tenant' then coalesce(t.id, n.tenant) else lower(substring(n.url from '^[^/]*//[^/?]*')) end),
  case g.level when 'tenant' then coalesce(g.name, t.id, n.tenant) end,
  null,
  g.reason,
  g.since,
  null,
  null,
  g.in_flight,
  g.slots,
  w.number
from posthorn.workers as w
join posthorn.live_workers as v on v.number = w.number
cross join lateral jsonb_to_recordset(w.held_back) as g (
  key bigint, level text, reason text, name text, lane bigint, since timestamptz, in_flight integer, slots integer
)
-- A tenant with limits has a row with its id. Of a slow one, a worker seldom has a request in flight that says it.
left join posthorn.tenants as t on g.name is null and g.level = 'tenant' and t.key = g.key
-- What waits for the group says its name, if the worker has not sent anything there yet.
left join lateral (
  select e.tenant, e.url
  from posthorn.endpoints as e
  where e.lane = g.lane
  union all
  select o.tenant, o.url
  from (select q.outbox_id from posthorn.queue as q where q.priority < 1000 and q.lane = g.lane limit 1) as q
  cross join lateral (select x.tenant, x.url from posthorn.outbox as x where x.id = q.outbox_id offset 0) as o
  limit 1
) as n on g.name is null;

comment on view posthorn.held_back is 'What is held back now, and why: endpoints, URLs, origins and tenants.';
comment on column posthorn.held_back.level is 'What is held back: endpoint, url, origin or tenant.';
comment on column posthorn.held_back.name is 'Its name: the description of an endpoint or its URL, the URL, the origin or the tenant.';
comment on column posthorn.held_back.tenant is 'The tenant that it belongs to. Null: none, or not known.';
comment on column posthorn.held_back.endpoint_id is 'The registered endpoint. Null: it is none.';
comment on column posthorn.held_back.reason is 'Why, as a code: docs/history.md lists the reasons.';
comment on column posthorn.held_back.since is 'Since when.';
comment on column posthorn.held_back.until is 'Until when. Null: not known, or until somebody acts.';
comment on column posthorn.held_back.last_error is 'The code of the latest failure.';
comment on column posthorn.held_back.in_flight is 'How many requests a worker has to it now.';
comment on column posthorn.held_back.slots is 'How many it may have.';
comment on column posthorn.held_back.worker is 'The worker that holds it back. Null: all of them.';
