-- Refuses a row without an id. The primary key would too, but its error repeats the row with its secret. Such a row
-- goes to the default partition, so the trigger costs the other rows nothing.
create or replace function posthorn.outbox_id_is_given() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  raise check_violation using
    constraint = 'outbox_id_is_given', schema = 'posthorn', table = 'outbox', column = 'id',
    message = 'new row for relation "outbox" violates check constraint "outbox_id_is_given"',
    detail = 'The id must not be null. The values of the row are not shown, because they may be secret.',
    hint = 'Leave id out: it has a default. In posthorn.new_webhooks and posthorn.new_events, NULL means the default.';
end
$$;

create or replace trigger outbox_id_is_given
  before insert on posthorn.outbox_default
  for each row
  when (new.id is null)
  execute function posthorn.outbox_id_is_given();

revoke execute on function posthorn.outbox_id_is_given() from public;
