-- Whether a webhook with this id would have been dropped with the history of its day. A webhook that was unfinished
-- then still exists.
create or replace function posthorn.is_dropped(webhook_id uuid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select coalesce(
      get_byte(uuid_send(is_dropped.webhook_id), 6) >> 4 = 7
        and is_dropped.webhook_id < (select posthorn.history_floor())
        and not exists (select from posthorn.queue as q where q.webhook_id = is_dropped.webhook_id)
        and not exists (select from posthorn.outcomes as e where e.webhook_id = is_dropped.webhook_id),
      false)
  $$;

comment on function posthorn.is_dropped(uuid) is 'Whether the history of the day of a webhook was dropped.';

revoke execute on function posthorn.is_dropped(uuid) from public;
