-- Writes the status and order of an endpoint into its subscriptions. A deleted endpoint ends them. An endpoint that was
-- disabled catches up with the events that it has missed, unless the setting posthorn.catch_up is off. Then a catch-up that
-- was begun when it was enabled before ends as well, and one that was ordered by catch_up() goes on.
create or replace function posthorn.endpoint_to_subscriptions() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  update posthorn.subscriptions as s
  set
    is_live = new.status in ('active', 'paused'),
    is_ordered = new.ordered,
    ended_at = case when new.status = 'deleted' then clock_timestamp() end
  where s.endpoint_id = new.id
    and s.ended_at is null
    and ((s.is_live, s.is_ordered) is distinct from (new.status in ('active', 'paused'), new.ordered) or new.status = 'deleted');
  if new.status = 'deleted' then
    update posthorn.catch_ups
    set status = 'cancelled', finished_at = clock_timestamp()
    where endpoint_id = new.id and status = 'running';
  elsif old.status <> 'disabled' or new.status = 'disabled' then
    return null;
  elsif current_setting('posthorn.catch_up', true) = 'off' then
    update posthorn.catch_ups
    set status = 'cancelled', finished_at = clock_timestamp()
    where endpoint_id = new.id and status = 'running' and not by_present_subscriptions;
  elsif new.catching_up then
    -- Some time before, in case a clock was set back.
    perform posthorn.begin_catch_up(new.id, old.status_since - interval '1 minute', false);
  end if;
  return null;
end
$$;

create or replace trigger endpoint_to_subscriptions
  after update on posthorn.endpoints
  for each row
  when ((old.status, old.ordered) is distinct from (new.status, new.ordered))
  execute function posthorn.endpoint_to_subscriptions();

revoke execute on function posthorn.endpoint_to_subscriptions() from public;
