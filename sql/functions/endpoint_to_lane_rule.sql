-- Turns the settings of an endpoint into its row of lane_rules, which the claim reads, and notifies the workers.
create or replace function posthorn.endpoint_to_lane_rule() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  has_moved boolean;
  is_enabled boolean;
  away bigint;
  waits_until timestamptz;
  waiting_id uuid;
  is_held boolean;
begin
  if tg_op = 'DELETE' then
    delete from posthorn.lane_rules where lane = old.lane;
    return null;
  end if;
  if tg_op = 'UPDATE' and old.ordered and not new.ordered and new.status <> 'deleted' then
    -- The lane waits for the retry of its first webhook. From now on only that webhook waits, for the same time. The
    -- rule is locked first, so that no retry is recorded in between; a webhook that is locked is being cancelled or
    -- retried.
    select r.retry_at, r.retry_of
    into waits_until, waiting_id
    from posthorn.lane_rules as r
    where r.lane = new.lane
    for update;
    update posthorn.queue as q
    set due_at = waits_until
    where waits_until > clock_timestamp()
      and q.webhook_id = (
        select w.webhook_id
        from posthorn.queue as w
        where w.webhook_id = waiting_id
          and w.lease_until is null
        for update skip locked
      );
  end if;
  is_held := new.status <> 'active' or (new.ordered and new.catching_up);
  if new.status = 'deleted'
    or (new.status = 'active' and num_nonnulls(new.max_in_flight, new.rate_limit_per_s) = 0 and not new.ordered)
  then
    delete from posthorn.lane_rules where lane = new.lane;
  else
    insert into posthorn.lane_rules as r (lane, is_held, is_ordered, max_in_flight, rate_limit_per_s)
    values (new.lane, is_held, new.ordered, new.max_in_flight, new.rate_limit_per_s)
    on conflict (lane) do update
      set is_held = excluded.is_held,
        is_ordered = excluded.is_ordered,
        max_in_flight = excluded.max_in_flight,
        rate_limit_per_s = excluded.rate_limit_per_s,
        retry_at = case when excluded.is_ordered then r.retry_at end,
        retry_of = case when excluded.is_ordered then r.retry_of end;
  end if;
  if tg_op = 'UPDATE' then
    -- Its URL leads elsewhere now: what was counted and asked for there says nothing about the new place.
    has_moved := new.origin is distinct from old.origin;
    if has_moved or (new.status <> old.status and (new.status = 'deleted' or old.status = 'disabled')) then
      -- Whoever enables an endpoint says that it can be reached: with the breaker of its origin open for days, it would be
      -- disabled again.
      is_enabled := old.status = 'disabled' and new.status not in ('disabled', 'deleted');
      with gone as (
        delete from posthorn.breakers
        where key = any (array[new.lane, case when is_enabled then new.origin end])
          and (key = new.lane or state = 'open')
        returning key
      )
      select key into away from gone where key <> new.lane;
      if away is not null then
        perform pg_notify('posthorn_wake', 'origin:' || away);
      end if;
    end if;
    perform pg_notify(
      'posthorn_wake',
      case
        when not is_held and (has_moved or old.status <> 'active' or (old.ordered and old.catching_up)) then 'closed:'
        else 'rules:'
      end || new.lane);
  end if;
  return null;
end
$$;

-- An endpoint without limits or a hold needs no notification: 100,000 of them are inserted as fast as any row.
create or replace trigger endpoint_to_lane_rule_on_insert
  after insert on posthorn.endpoints
  for each row
  when (new.status <> 'active' or new.max_in_flight is not null or new.rate_limit_per_s is not null or new.ordered)
  execute function posthorn.endpoint_to_lane_rule();

create or replace trigger endpoint_to_lane_rule_on_update
  after update on posthorn.endpoints
  for each row
  when (
    (old.status, old.max_in_flight, old.rate_limit_per_s, old.ordered, old.catching_up and old.ordered, old.origin)
    is distinct from
    (new.status, new.max_in_flight, new.rate_limit_per_s, new.ordered, new.catching_up and new.ordered, new.origin))
  execute function posthorn.endpoint_to_lane_rule();

create or replace trigger endpoint_to_lane_rule_on_delete
  after delete on posthorn.endpoints
  for each row
  execute function posthorn.endpoint_to_lane_rule();

revoke execute on function posthorn.endpoint_to_lane_rule() from public;
