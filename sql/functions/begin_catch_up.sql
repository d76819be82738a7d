-- Orders that an endpoint catches up, or that a running catch-up reads the events again, from an earlier time if need be.
-- The caller has locked the endpoint and set catching_up.
create or replace function posthorn.begin_catch_up(
  endpoint_id uuid,
  since timestamptz,
  by_present_subscriptions boolean,
  rate_limit_per_s double precision default 100
) returns uuid
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
    insert into posthorn.catch_ups as c (endpoint_id, since, by_present_subscriptions, rate_limit_per_s, walked_to)
    values (
      begin_catch_up.endpoint_id,
      begin_catch_up.since,
      begin_catch_up.by_present_subscriptions,
      begin_catch_up.rate_limit_per_s,
      posthorn.uuid_floor(begin_catch_up.since))
    on conflict (endpoint_id) where status = 'running' do update
      set since = least(c.since, excluded.since),
        by_present_subscriptions = c.by_present_subscriptions or excluded.by_present_subscriptions,
        rate_limit_per_s = excluded.rate_limit_per_s,
        awaited = null,
        -- From the start: transactions that it has waited for may have committed since it read their part.
        walked_to = posthorn.uuid_floor(least(c.since, excluded.since))
    returning c.id
  $$;

revoke execute on function posthorn.begin_catch_up(uuid, timestamptz, boolean, double precision) from public;
