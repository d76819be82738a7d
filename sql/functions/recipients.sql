-- Explains who receives an event: a row for each endpoint of the tenant. "why" is
--
-- 'subscribed'          the endpoint receives it
-- 'paused'              it does, and its webhook waits until it is resumed
-- 'no_subscription'     none of its subscriptions is for this type
-- 'filter_is_false'     one is, but its filter says no
-- 'filter_has_no_answer'  one is, but its filter does not fit the body: it compares values of different types
-- 'body_is_not_json'    one is, but its filter cannot read the body
-- 'disabled'            it does not; it catches up when it is enabled, if "receives_later" is true
--
-- For an endpoint with several subscriptions, the one that decides is shown.
create or replace function posthorn.recipients(tenant text, event_type text, body text)
  returns table (
    endpoint_id uuid,
    url text,
    receives boolean,
    why text,
    receives_later boolean,
    subscription_id uuid,
    subscribed_to text,
    filter jsonpath
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  as $$
    select
      e.id,
      e.url,
      coalesce(s.fits, false) and e.status <> 'disabled',
      case
        when s.id is null then 'no_subscription'
        when s.fits and e.status = 'disabled' then 'disabled'
        when s.fits and e.status = 'paused' then 'paused'
        when s.fits then 'subscribed'
        when b.json is null then 'body_is_not_json'
        when s.fits is null then 'filter_has_no_answer'
        else 'filter_is_false'
      end,
      coalesce(s.fits, false) and e.status = 'disabled',
      s.id,
      s.event_type,
      s.filter
    from (
      select id, url, status from posthorn.endpoints where tenant = recipients.tenant
      union all
      select id, url, status from posthorn.endpoints where recipients.tenant = '*'
    ) as e
    cross join (select posthorn.json_of(recipients.body) as json) as b
    left join lateral (
      select c.id, c.event_type, c.filter, case when c.filter is null then true else b.json @@ c.filter end as fits
      from posthorn.subscriptions as c
      where c.endpoint_id = e.id
        and c.ended_at is null
        and c.event_type = any (posthorn.type_and_above(recipients.event_type))
      -- The one that lets it through, or else one that says no, before one without an answer.
      order by case when c.filter is null then true else b.json @@ c.filter end desc nulls last, c.id
      limit 1
    ) as s on true
    where e.status <> 'deleted'
    order by e.id
  $$;

comment on function posthorn.recipients(text, text, text) is 'Explains who would receive an event now, and why: a row for each endpoint of the tenant.';

revoke execute on function posthorn.recipients(text, text, text) from public;
