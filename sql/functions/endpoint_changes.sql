-- Runs before an endpoint is changed: maintains its dates, and the rules for every change of status. A deleted endpoint
-- stays deleted and keeps no secrets. Sealing a secret and subscribing do not count as changes.
create or replace function posthorn.endpoint_changes() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if old.status = 'deleted' then
    raise check_violation using
      constraint = 'endpoints_deleted_is_final', schema = 'posthorn', table = 'endpoints', column = 'status',
      message = 'new row for relation "endpoints" violates check constraint "endpoints_deleted_is_final"',
      detail = 'The endpoint was deleted and cannot be changed.';
  end if;
  if (
      new.gone_answers = old.gone_answers
      and coalesce(current_setting('posthorn.is_sealing', true), '') <> 'on'
      and coalesce(current_setting('posthorn.is_subscribing', true), '') <> 'on'
    )
    or new.status <> old.status
  then
    new.updated_at := clock_timestamp();
  end if;
  if new.tenant <> old.tenant and coalesce(current_setting('posthorn.is_renaming', true), '') <> 'on' then
    raise check_violation using
      constraint = 'endpoints_tenant_is_fixed', schema = 'posthorn', table = 'endpoints', column = 'tenant',
      message = 'new row for relation "endpoints" violates check constraint "endpoints_tenant_is_fixed"',
      detail = 'The tenant of an endpoint cannot be changed.',
      hint = 'posthorn.rename_tenant() gives all endpoints of a tenant to another.';
  end if;
  if new.status <> old.status then
    new.status_since := clock_timestamp();
    if old.status = 'disabled' and new.status in ('active', 'paused') then
      if coalesce(current_setting('posthorn.catch_up', true), '') <> 'off' then
        new.catching_up := new.catching_up
          or exists (select from posthorn.subscriptions as s where s.endpoint_id = new.id and s.ended_at is null);
      elsif new.catching_up then
        -- endpoint_to_subscriptions() cancels the others.
        new.catching_up := exists (
          select
          from posthorn.catch_ups as c
          where c.endpoint_id = new.id and c.status = 'running' and c.by_present_subscriptions);
      end if;
    end if;
    if new.status = 'active' then
      new.status_reason := null;
      new.gone_answers := 0;
    elsif new.status_reason is not distinct from old.status_reason then
      new.status_reason := 'by_request';
    end if;
  end if;
  if new.status = 'deleted' then
    new.secret := null;
    new.former_secrets := null;
    new.public_key := null;
    new.headers := null;
    new.catching_up := false;
  end if;
  return new;
end
$$;

create or replace trigger endpoint_changes
  before update on posthorn.endpoints
  for each row
  execute function posthorn.endpoint_changes();

revoke execute on function posthorn.endpoint_changes() from public;
