-- Copies new rows of the outbox to the queue, in the producer's transaction, once per statement. One aggregate finds
-- out what kinds of rows there are, and endpoints are read only if a row names one.
--
-- Producers never wait for each other: no shared row is touched (except idempotency keys, which are the producer's
-- own), and the wake-up is guarded. A transaction that has notified holds a database-wide lock while it commits, so
-- that unguarded NOTIFY limits the whole server to one commit per flush (measured: 376 against 9,782 commits a second
-- with 32 producers and a 2 ms flush). With the guard at most one open transaction notifies; the others are found by
-- the poll that follows each wake-up.
create or replace function posthorn.outbox_to_queue() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  -- Set if any of the rows: 1 is due, 2 has an id that is not of today, 4 has a key, 8 goes to an endpoint, 16 goes to
  -- a URL.
  traits integer;
  missing uuid;
begin
  select bit_or(
    case when send_at is null or send_at <= now() then 1 else 0 end
    | case when posthorn.uuid_time(id) between now() - interval '24 hours' and now() + interval '24 hours' then 0 else 2 end
    | case when idempotency_key is null then 0 else 4 end
    | case when endpoint_id is null then 16 else 8 end)
  into traits
  from new_rows;

  if traits & 2 > 0 then
    raise check_violation using
      constraint = 'outbox_id_is_of_today', schema = 'posthorn', table = 'outbox', column = 'id',
      message = 'The id of a row in posthorn.outbox must be a UUID v7 whose time is within a day of now',
      hint = 'Leave id out: it has a default.';
  end if;

  if traits & 8 > 0 then
    -- Not locked, so that producers never wait. A webhook that is inserted while its endpoint is deleted fails as
    -- endpoint_deleted.
    select r.endpoint_id
    into missing
    from new_rows as r
    where r.endpoint_id is not null
      and coalesce((select e.status from posthorn.endpoints as e where e.id = r.endpoint_id), 'deleted') = 'deleted'
    limit 1;
    if found then
      raise foreign_key_violation using
        constraint = 'outbox_endpoint_id_is_registered', schema = 'posthorn', table = 'outbox', column = 'endpoint_id',
        message = format(
          'The endpoint_id of a row in posthorn.outbox must be that of a registered endpoint: %s is not',
          missing);
    end if;
  end if;

  if traits & 4 > 0 then
    insert into posthorn.idempotency_keys as k (key, webhook_id, expires_at)
    select distinct on (idempotency_key) idempotency_key, id, now() + interval '7 days'
    from new_rows
    where idempotency_key is not null
    order by idempotency_key
    on conflict (key) do update
      set webhook_id = excluded.webhook_id, expires_at = excluded.expires_at
      where k.expires_at <= now();
    if exists (
      select
      from new_rows as r
      join posthorn.idempotency_keys as k on k.key = r.idempotency_key
      where k.webhook_id <> r.id
    ) then
      raise unique_violation using
        constraint = 'outbox_idempotency_key_is_unique', schema = 'posthorn', table = 'outbox', column = 'idempotency_key',
        message = 'An idempotency_key in posthorn.outbox may belong to one webhook only',
        hint = 'posthorn.enqueue() returns the id of the webhook that is already there.';
    end if;
  end if;

  if traits & 16 > 0 then
    insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
    select
      id,
      id,
      posthorn.lane_of(url),
      posthorn.priority_of(priority),
      greatest(send_at, clock_timestamp())
    from new_rows
    where endpoint_id is null;
  end if;

  if traits & 8 > 0 then
    insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
    select
      id,
      id,
      posthorn.lane_of(endpoint_id),
      case
        -- In the order of sending, whatever the priority: one webhook must not overtake another.
        when (select e.ordered from posthorn.endpoints as e where e.id = new_rows.endpoint_id) then 1
        else posthorn.priority_of(priority)
      end,
      greatest(send_at, clock_timestamp())
    from new_rows
    where endpoint_id is not null;
  end if;

  -- Postgres refuses to PREPARE a transaction that has notified, so users of two-phase commit turn the notification
  -- off.
  if traits & 1 > 0
    and current_setting('posthorn.notify', true) is distinct from 'off'
    and pg_try_advisory_xact_lock(1886352244, -1)
  then
    perform pg_notify('posthorn_wake', '');
  end if;
  return null;
end
$$;

-- Not "enable always", like the triggers of endpoints: with logical replication, the rows that triggers make here are
-- replicated too. On a subscriber the row of the queue would be made twice, and the initial copy of the tables, which
-- fires statement triggers, would fail, because its ids are not of today. posthorn.missed() finds webhooks that a
-- trigger has missed.
create or replace trigger outbox_to_queue
  after insert on posthorn.outbox
  referencing new table as new_rows
  for each statement
  execute function posthorn.outbox_to_queue();

revoke execute on function posthorn.outbox_to_queue() from public;
