-- Subscriptions whose endpoint is gone, or whose copies of its columns differ from it, because a trigger did not fire, as in
-- missed(): an event goes to an endpoint that must not have it, or not to one that should.
create or replace view posthorn.stray_subscriptions as
select s.id, s.endpoint_id
from posthorn.subscriptions as s
left join posthorn.endpoints as e on e.id = s.endpoint_id
where e.id is null
  or s.is_live <> (s.ended_at is null and e.status in ('active', 'paused'))
  or (
    s.ended_at is null
    and (e.status = 'deleted' or s.tenant <> e.tenant or s.is_ordered <> e.ordered)
  );

comment on view posthorn.stray_subscriptions is 'Subscriptions that differ from their endpoint, because a trigger did not fire.';
comment on column posthorn.stray_subscriptions.id is 'The subscription.';
comment on column posthorn.stray_subscriptions.endpoint_id is 'Its endpoint.';
