-- The id of a row that a producer inserts into new_webhooks or new_events with an id of its own: that id if it may be
-- used, or a new one.
--
-- A client makes ids so that it knows them before it inserts. Such an id is taken if it is a UUID v7 of today. But no
-- producer may take the id that a webhook of an event is about to get: see webhook_id(). That webhook would then never be
-- enqueued. Its id can be computed only from the id of an event that is there, with which it shares the first 8 bytes.
-- A transaction that keeps one snapshot may not see that event, so it always gets a new id.
create or replace function posthorn.id_to_take(given uuid) returns uuid
  language plpgsql
  set search_path = pg_catalog, pg_temp
  -- Without it, Postgres makes a plan for each call, because it does not count that only one partition is read.
  set plan_cache_mode = force_generic_plan
  as $$
begin
  if get_byte(uuid_send(given), 6) >> 4 = 7
    and posthorn.uuid_time(given) between now() - interval '24 hours' and now() + interval '24 hours'
    and current_setting('transaction_isolation') in ('read committed', 'read uncommitted')
    and not exists (
      select
      from posthorn.outbox as o
      where o.id >= posthorn.first_webhook_id(given)
        and o.id <= posthorn.last_webhook_id(given)
        and o.event_type is not null
        and o.id <> given
    )
  then
    return given;
  end if;
  return posthorn.uuid_v7();
end
$$;

revoke execute on function posthorn.id_to_take(uuid) from public;
