-- The ids of an event's webhooks are not below this one: see webhook_id().
create or replace function posthorn.first_webhook_id(event_id uuid) returns uuid
  language sql immutable strict parallel safe
  return (pg_catalog.encode(pg_catalog.substring(pg_catalog.uuid_send(event_id), 1, 8), 'hex') || '8000000000000000')::uuid;

comment on function posthorn.first_webhook_id(uuid) is 'The lower bound of the ids of the webhooks of an event.';
