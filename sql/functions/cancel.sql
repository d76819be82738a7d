-- Cancels a webhook that waits for its first or next attempt. Returns false when it is being sent, has ended or is
-- unknown.
create or replace function posthorn.cancel(webhook_id uuid) returns boolean
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$ select posthorn.cancel_many(array[cancel.webhook_id]) = 1 $$;

comment on function posthorn.cancel(uuid) is 'Cancels a webhook that waits for its first or next attempt. Returns false when it is being sent, has ended or is unknown.';

revoke execute on function posthorn.cancel(uuid) from public;
