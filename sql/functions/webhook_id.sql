-- The id of the webhook that takes an event to an endpoint. It is computed, so that an event that is fanned out again, by
-- a job that was killed or to an endpoint that catches up, makes no second webhook: the primary key refuses it.
--
-- The first 8 bytes are those of the event's id. So a webhook belongs to the same day as its event, the webhooks of an
-- event are in order next to each other in every index, and first_webhook_id() and last_webhook_id() are the bounds
-- between which they are found. The rest is 60 bits of a SHA-256.
create or replace function posthorn.webhook_id(event_id uuid, endpoint_id uuid) returns uuid
  language sql immutable strict parallel safe
  return (pg_catalog.encode(pg_catalog.substring(pg_catalog.uuid_send(event_id), 1, 8), 'hex')
    || '8'
    || pg_catalog.left(
      pg_catalog.encode(pg_catalog.sha256(pg_catalog.uuid_send(event_id) || pg_catalog.uuid_send(endpoint_id)), 'hex'),
      15))::uuid;

comment on function posthorn.webhook_id(uuid, uuid) is 'The id of the webhook that takes an event to an endpoint.';
