-- The ids of an event's webhooks are not above this one: see webhook_id().
create or replace function posthorn.last_webhook_id(event_id uuid) returns uuid
  language sql immutable strict parallel safe
  return (pg_catalog.encode(pg_catalog.substring(pg_catalog.uuid_send(event_id), 1, 8), 'hex') || 'bfffffffffffffff')::uuid;

comment on function posthorn.last_webhook_id(uuid) is 'The upper bound of the ids of the webhooks of an event.';
