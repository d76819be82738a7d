-- Copies new rows of the outbox to the queue, in the producer's transaction, once per statement. One aggregate finds
-- out what kinds of rows there are, and endpoints are read only if a row names one.
--
-- The recipients of an event are the subscriptions that this statement sees. Nothing is locked for that, so that nobody
-- who edits a subscription waits for a producer or makes one wait, and no subscription can make a producer's statement
-- fail. An event with very many recipients is left to a job: it gets a row in fan_outs here.
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
  -- A session keeps the plans of its first inserts, from when there were few subscriptions.
  set enable_seqscan = off
  as $$
declare
  -- Set if any of the rows: 1 is due, 2 has an id that is not of today, 4 has a key, 8 goes to an endpoint, 16 goes to
  -- a URL, 32 is an event, 64 names a tenant.
  traits integer;
  missing uuid;
  full_tenant text;
  -- An idempotency key of another row.
  known record;
  fan_out_limit integer;
  -- Events with too many recipients for this transaction.
  postponed uuid[];
  matched uuid[];
  ordered_webhooks integer;
begin
  select bit_or(
    case when send_at is null or send_at <= now() then 1 else 0 end
    | case when posthorn.uuid_time(id) between now() - interval '24 hours' and now() + interval '24 hours' then 0 else 2 end
    | case when idempotency_key is null then 0 else 4 end
    | case when url is not null then 16 when endpoint_id is not null then 8 else 32 end
    | case when tenant = '' then 0 else 64 end)
  into traits
  from new_rows;

  if traits & 2 > 0 then
    raise check_violation using
      constraint = 'outbox_id_is_of_today', schema = 'posthorn', table = 'outbox', column = 'id',
      message = 'new row for relation "outbox" violates check constraint "outbox_id_is_of_today"',
      detail = 'The id must be a UUID v7 whose time is within a day of now.',
      hint = 'Leave id out: it has a default. posthorn.new_webhooks and posthorn.new_events replace other ids.';
  end if;

  if traits & 8 > 0 then
    -- Not locked, so that producers never wait. A webhook that is inserted while its endpoint is deleted fails as
    -- endpoint_deleted.
    select r.endpoint_id
    into missing
    from new_rows as r
    where r.endpoint_id is not null
      and not exists (
        select
        from posthorn.endpoints as e
        where e.id = r.endpoint_id
          and e.status <> 'deleted'
          and (r.tenant = '' or e.tenant = r.tenant)
      )
    limit 1;
    if found then
      raise foreign_key_violation using
        constraint = 'outbox_endpoint_id_is_registered', schema = 'posthorn', table = 'outbox', column = 'endpoint_id',
        message = 'insert or update on table "outbox" violates foreign key constraint "outbox_endpoint_id_is_registered"',
        detail = format('Key (endpoint_id)=(%s) is not present in table "endpoints", or is of another tenant or deleted.', missing),
        hint = 'Give the id of a registered endpoint that is not deleted, of the same tenant if the row has one.';
    end if;
  end if;

  -- A look at an index that is empty as long as no tenant refuses. Nothing is counted or locked here.
  if traits & 72 > 0 and exists (select from posthorn.tenants where refuse_when_full and full_since is not null) then
    select t.id
    into full_tenant
    from new_rows as r
    left join posthorn.endpoints as e on e.id = r.endpoint_id
    join posthorn.tenants as t on t.id = coalesce(e.tenant, r.tenant)
    where t.refuse_when_full and t.full_since is not null
    limit 1;
    if found then
      raise check_violation using
        constraint = 'outbox_tenant_is_not_full', schema = 'posthorn', table = 'outbox', column = 'tenant',
        message = 'new row for relation "outbox" violates check constraint "outbox_tenant_is_not_full"',
        detail = format('The tenant "%s" has too many webhooks waiting, and refuses more until it has fewer.', full_tenant),
        hint = 'Try again later. posthorn.tenants has its max_waiting.';
    end if;
  end if;

  if traits & 4 > 0 then
    insert into posthorn.idempotency_keys as k (tenant, key, outbox_id, expires_at)
    select distinct on (tenant, idempotency_key) tenant, idempotency_key, id, now() + interval '7 days'
    from new_rows
    where idempotency_key is not null
    order by tenant, idempotency_key
    on conflict (tenant, key) do update
      set outbox_id = excluded.outbox_id, expires_at = excluded.expires_at
      where k.expires_at <= now();
    select k.tenant, k.key
    into known
    from new_rows as r
    join posthorn.idempotency_keys as k on k.tenant = r.tenant and k.key = r.idempotency_key
    where k.outbox_id <> r.id
    limit 1;
    if found then
      raise unique_violation using
        constraint = 'outbox_idempotency_key_is_unique', schema = 'posthorn', table = 'outbox', column = 'idempotency_key',
        message = 'duplicate key value violates unique constraint "outbox_idempotency_key_is_unique"',
        detail = format('Key (tenant, idempotency_key)=(%s, %s) already exists.', known.tenant, known.key),
        hint = 'posthorn.new_webhooks, posthorn.new_events, enqueue() and publish() return the id of the row that is already there.';
    end if;
  end if;

  if traits & 16 > 0 then
    insert into posthorn.queue (webhook_id, outbox_id, lane, origin, tenant_key, priority, due_at)
    select
      id,
      id,
      posthorn.lane_of(url),
      posthorn.origin_of(url),
      posthorn.tenant_key(tenant),
      posthorn.priority_of(priority),
      greatest(send_at, clock_timestamp())
    from new_rows
    where url is not null;
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

  if traits & 32 > 0 then
    -- Empty: the session has set it for one of its transactions before.
    fan_out_limit := coalesce(nullif(current_setting('posthorn.fan_out_limit', true), '')::integer, 1000);
    -- All tenants, or more subscriptions than the limit. They are counted to the limit and not further.
    postponed := array(
      select n.id
      from new_rows as n
      cross join lateral (
        select count(*) as subscriptions
        from (
          select
          from unnest(posthorn.type_and_above(n.event_type)) as t (event_type)
          cross join lateral (
            select
            from posthorn.subscriptions as s
            where s.tenant = n.tenant and s.event_type = t.event_type and s.event_type > '' and s.is_live
            limit fan_out_limit + 1
          ) as found
          limit fan_out_limit + 1
        ) as counted
      ) as c
      where n.event_type is not null
        and (n.tenant = '*' or c.subscriptions > fan_out_limit)
    );

    with events as materialized (
      select
        n.id,
        n.tenant,
        n.priority,
        n.send_at,
        t.types,
        -- Read once, and only if a filter asks for it.
        case
          when exists (
            select
            from unnest(t.types) as f (event_type)
            cross join lateral (
              select
              from posthorn.subscriptions as s
              where s.tenant = n.tenant and s.event_type = f.event_type and s.is_live and s.filter is not null
              limit 1
            ) as filtered
          )
          then posthorn.json_of(n.body)
        end as json
      from new_rows as n
      cross join lateral (select posthorn.type_and_above(n.event_type) as types offset 0) as t
      where n.event_type is not null
        and n.id <> all (postponed)
    ),
    recipients as (
      -- Two subscriptions of an endpoint make one webhook. In the order of the events: an ordered endpoint receives them so.
      select distinct on (e.id, s.endpoint_id) e.id, e.priority, e.send_at, s.endpoint_id, s.lane, s.is_ordered
      from events as e
      cross join lateral unnest(e.types) as t (event_type)
      cross join lateral (
        select c.endpoint_id, c.lane, c.is_ordered
        from posthorn.subscriptions as c
        where c.tenant = e.tenant
          and c.event_type = t.event_type
          and c.event_type > ''
          and c.is_live
          and (c.filter is null or e.json @@ c.filter)
        offset 0
      ) as s
      order by e.id, s.endpoint_id
    ),
    added as (
      insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
      select
        posthorn.webhook_id(r.id, r.endpoint_id),
        r.id,
        r.lane,
        case when r.is_ordered then 1 else posthorn.priority_of(r.priority) end,
        greatest(r.send_at, clock_timestamp())
      from recipients as r
      returning outbox_id
    )
    select array_agg(distinct outbox_id) into matched from added;

    if cardinality(postponed) > 0 then
      -- In one statement, so that the job judges the subscriptions by what was seen here.
      with noted as (
        insert into posthorn.fan_outs (event_id) select unnest(postponed)
      )
      select
        posthorn.add_webhooks(
          array_agg(f.event_id order by f.event_id, f.endpoint_id),
          array_agg(f.endpoint_id order by f.event_id, f.endpoint_id))
      into ordered_webhooks
      from posthorn.ordered_recipients(postponed) as f;
    end if;

    insert into posthorn.unmatched_events (event_id)
    select id
    from new_rows
    where event_type is not null
      and id <> all (postponed)
      and id <> all (coalesce(matched, '{}'));
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
