-- Resends a webhook that has failed or was cancelled, or sends a waiting one now; a delivered one is resent only if
-- forced. Returns "queued" or "brought_forward", or why nothing was done: see put_back().
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

comment on function posthorn.retry is 'Resends a webhook that has ended, or sends a waiting one now; returns what was done.';
