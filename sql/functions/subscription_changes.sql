-- The rules of subscriptions, before a row is written. A subscription copies from its endpoint what publishing needs, is
-- ended once, and is otherwise not changed. The endpoint is written as it is, so that a change of it waits and then finds the
-- row: endpoint_to_subscriptions(). A lock is not enough: a REPEATABLE READ transaction would wait for it, change the endpoint,
-- and leave out the row, which it cannot see. Now it fails.
create or replace function posthorn.subscription_changes() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  broken text;
  endpoint record;
  has_endpoint boolean;
begin
  if tg_op = 'DELETE' then
    -- The endpoint is gone, or is being deleted with its subscriptions.
    if old.ended_at is null and exists (select from posthorn.endpoints as e where e.id = old.endpoint_id) then
      raise check_violation using
        constraint = 'subscriptions_are_ended_before_they_are_deleted', schema = 'posthorn', table = 'subscriptions',
        message = 'delete on table "subscriptions" violates check constraint "subscriptions_are_ended_before_they_are_deleted"',
        detail = 'A subscription must be ended before it is deleted.',
        hint = 'update posthorn.subscriptions set ended_at = now() where id = ...';
    end if;
    return old;
  end if;
  if tg_op = 'UPDATE' then
    if (new.id, new.endpoint_id, new.tenant, new.event_type, new.filter::text, new.created_at, new.created_in)
      is distinct from
      (old.id, old.endpoint_id, old.tenant, old.event_type, old.filter::text, old.created_at, old.created_in)
    then
      broken := 'subscriptions_are_not_changed';
    elsif old.ended_at is not null and new.ended_at is null then
      broken := 'subscriptions_end_once';
    end if;
    if old.ended_at is null and new.ended_at is not null then
      new.ended_at := clock_timestamp();
      new.ended_in := pg_current_xact_id();
      new.is_live := false;
    elsif old.ended_at is not null then
      new.ended_at := old.ended_at;
      new.ended_in := old.ended_in;
    end if;
  else
    perform set_config('posthorn.is_subscribing', 'on', true);
    update posthorn.endpoints as e
    set description = e.description
    where e.id = new.endpoint_id and e.status <> 'deleted'
    returning e.tenant, e.ordered, e.status in ('active', 'paused') as is_live
    into endpoint;
    has_endpoint := found;
    perform set_config('posthorn.is_subscribing', '', true);
    broken := case
      when new.id is null or get_byte(uuid_send(new.id), 6) >> 4 <> 7 then 'subscriptions_id_is_uuid_v7'
      when not has_endpoint then 'subscriptions_endpoint_is_registered'
      when new.tenant is not null and new.tenant <> endpoint.tenant then 'subscriptions_tenant_is_that_of_the_endpoint'
      when new.event_type is null
        or octet_length(new.event_type) > 128
        or new.event_type !~ '^([A-Za-z0-9_-]+([.][A-Za-z0-9_-]+){0,15}([.][*])?|[*])$'
        then 'subscriptions_event_type_is_words_or_ends_with_a_star'
      when new.ended_at is not null then 'subscriptions_begin_unended'
      when new.filter is not null then posthorn.filter_rule(new.filter)
    end;
    new.tenant := endpoint.tenant;
    new.is_ordered := endpoint.ordered;
    new.is_live := endpoint.is_live;
    new.created_at := clock_timestamp();
    new.created_in := pg_current_xact_id();
    new.ended_in := null;
  end if;
  if broken is not null then
    raise check_violation using
      constraint = broken, schema = 'posthorn', table = 'subscriptions',
      message = format('new row for relation "subscriptions" violates check constraint "%s"', broken);
  end if;
  return new;
end
$$;

create or replace trigger subscription_changes
  before insert or update or delete on posthorn.subscriptions
  for each row
  execute function posthorn.subscription_changes();

revoke execute on function posthorn.subscription_changes() from public;
