-- Sends a webhook again that has failed or was cancelled, or now if it waits; one that was delivered only if forced to.
-- Says "queued" or "brought_forward", or why nothing was done: see put_back().
create or replace function posthorn.retry(webhook_id uuid, force boolean default false) returns text
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select became
    from posthorn.put_back(
      array[retry.webhook_id],
      case when retry.force then '{failed,cancelled,pending,delivered}' else '{failed,cancelled,pending}' end
        ::posthorn.webhook_status[])
  $$;

revoke execute on function posthorn.retry(uuid, boolean) from public;

comment on function posthorn.retry is 'Sends a webhook again that has ended, or now if it waits; says what became of it.';
