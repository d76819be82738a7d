-- The same as retry() for many webhooks, such as array(select id from posthorn.webhooks where ...). Returns how many
-- are resent or sent now.
create or replace function posthorn.retry_many(webhook_ids uuid[], force boolean default false) returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select count(*)
    from posthorn.put_back(
      retry_many.webhook_ids,
      case when retry_many.force then '{failed,cancelled,pending,delivered}' else '{failed,cancelled,pending}' end
        ::posthorn.webhook_status[])
    where became in ('queued', 'brought_forward')
  $$;

revoke execute on function posthorn.retry_many(uuid[], boolean) from public;

comment on function posthorn.retry_many is 'Resends webhooks that have ended, or sends waiting ones now; returns how many.';
