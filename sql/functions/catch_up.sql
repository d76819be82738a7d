-- Lets an endpoint catch up: the events since a time that match its present subscriptions, and that it has not received,
-- are enqueued by a job. Returns how many there are now, counted for at most 3 s or so: at least. A dry run only counts.
--
-- rate_limit_per_s: webhooks per second; null: no limit.
create or replace function posthorn.catch_up(
  endpoint_id uuid,
  since timestamptz,
  dry_run boolean default false,
  rate_limit_per_s double precision default 100
) returns bigint
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
#variable_conflict use_column
declare
  total bigint := 0;
  began constant timestamptz := clock_timestamp();
  page record;
  walked_to uuid;
begin
  if not exists (select from posthorn.endpoints as e where e.id = catch_up.endpoint_id and e.status <> 'deleted') then
    raise foreign_key_violation using
      constraint = 'catch_ups_endpoint_is_registered', schema = 'posthorn', table = 'catch_ups', column = 'endpoint_id',
      message = 'insert or update on table "catch_ups" violates foreign key constraint "catch_ups_endpoint_is_registered"',
      detail = format('Key (endpoint_id)=(%s) is not present in table "endpoints".', catch_up.endpoint_id);
  end if;
  if catch_up.since is null or not isfinite(catch_up.since) then
    raise check_violation using
      constraint = 'catch_ups_since_is_finite', schema = 'posthorn', table = 'catch_ups', column = 'since',
      message = 'new row for relation "catch_ups" violates check constraint "catch_ups_since_is_finite"',
      detail = 'The time from which an endpoint catches up must be finite and not null.';
  end if;
  walked_to := posthorn.uuid_floor(catch_up.since);
  loop
    select m.* into page
    from posthorn.missed_events(catch_up.endpoint_id, walked_to, 'ffffffff-ffff-ffff-ffff-ffffffffffff', true, 5000, 5000) as m;
    total := total + cardinality(page.event_ids);
    walked_to := page.walked_to;
    exit when walked_to is null or clock_timestamp() - began > interval '3 seconds';
  end loop;
  if not dry_run then
    perform from posthorn.endpoints as e where e.id = catch_up.endpoint_id and e.status <> 'deleted' for update;
    update posthorn.endpoints as e set catching_up = true where e.id = catch_up.endpoint_id and not e.catching_up;
    perform posthorn.begin_catch_up(catch_up.endpoint_id, catch_up.since, true, catch_up.rate_limit_per_s);
  end if;
  return total;
end
$$;

comment on function posthorn.catch_up(uuid, timestamptz, boolean, double precision) is 'Lets an endpoint get the events since a time that match its subscriptions and that it has not received. Returns how many there are. A dry run only counts.';

revoke execute on function posthorn.catch_up(uuid, timestamptz, boolean, double precision) from public;
