-- Registered endpoints: an address with settings of its own. A webhook names one by endpoint_id in place of a URL.
--
-- endpoints   what people set; changed rarely
-- lane_rules  what that means for the claim: a narrow row per endpoint that is held or limited, kept by a trigger. An
--             endpoint without either has none, and a webhook to it costs the claim no more than one to a plain URL

create type posthorn.endpoint_status as enum ('active', 'paused', 'disabled', 'deleted');

-- The lane of a registered endpoint: it stays the same when the URL is changed.
create function posthorn.lane_of(endpoint_id uuid) returns bigint
  language sql immutable strict parallel safe
  as $$ select pg_catalog.hashtextextended('endpoint ' || endpoint_id::text, 0) $$;

create table posthorn.endpoints (
  id uuid not null default posthorn.uuid_v7(),
  lane bigint not null generated always as (posthorn.lane_of(id)) stored,
  url text not null,
  description text not null default '',
  -- Signs what does not bring a secret of its own.
  secret text,
  status posthorn.endpoint_status not null default 'active',
  -- Why it is not active: by_request, failing or gone.
  status_reason text,
  status_since timestamptz not null default clock_timestamp(),
  -- Over all workers. Null: as many as the endpoint has shown to bear.
  max_in_flight integer,
  -- Over all workers. Null: no limit.
  rate_limit_per_s double precision,
  timeout_ms integer,
  -- Seconds before each retry. Null: POSTHORN_RETRY_SCHEDULE; empty: no retry.
  retry_schedule_s integer[],
  -- One in flight, in the order of sending; a webhook that is to be tried again holds the later ones up.
  ordered boolean not null default false,
  -- Answers 410 Gone since the last success; the second disables the endpoint.
  gone_answers smallint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint endpoints_pkey primary key (id),
  constraint endpoints_lane_is_unique unique (lane)
);

create table posthorn.lane_rules (
  lane bigint not null,
  -- Paused or disabled: nothing of it is claimed.
  is_held boolean not null,
  is_ordered boolean not null,
  max_in_flight integer,
  rate_limit_per_s double precision,
  -- The number of the one worker that sends to it. A limit that one process keeps holds over all of them.
  owner integer,
  -- The former owner did not leave in order: what it has sent lately is not known, so nothing is sent before.
  rate_from timestamptz,
  -- Ordered: when the webhook at the head is tried again, and which one that is. The later ones wait for it.
  retry_at timestamptz,
  retry_of uuid,
  constraint lane_rules_pkey primary key (lane)
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0
);

create index endpoints_for_pruning on posthorn.endpoints (status_since) where status = 'deleted';

-- Keeps the dates, and what is true of every change of state, whoever makes it.
create function posthorn.endpoint_changes() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if old.status = 'deleted' then
    raise check_violation using
      constraint = 'endpoints_deleted_is_final', schema = 'posthorn', table = 'endpoints', column = 'status',
      message = 'Cannot change the endpoint as a deleted one must stay as it is';
  end if;
  if new.gone_answers = old.gone_answers or new.status <> old.status then
    new.updated_at := clock_timestamp();
  end if;
  if new.status <> old.status then
    new.status_since := clock_timestamp();
    if new.status = 'active' then
      new.status_reason := null;
      new.gone_answers := 0;
    elsif new.status_reason is not distinct from old.status_reason then
      new.status_reason := 'by_request';
    end if;
  end if;
  if new.status = 'deleted' then
    new.secret := null;
  end if;
  return new;
end
$$;

create trigger endpoint_changes
  before update on posthorn.endpoints
  for each row
  execute function posthorn.endpoint_changes();

-- From the settings to the claim's rules; workers are told.
create function posthorn.endpoint_to_lane_rule() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  begins_anew boolean := false;
  waits_until timestamptz;
  waiting_id uuid;
begin
  if tg_op = 'DELETE' then
    delete from posthorn.lane_rules where lane = old.lane;
    return null;
  end if;
  if tg_op = 'UPDATE' and old.ordered and not new.ordered and new.status <> 'deleted' then
    -- The lane waits for the retry of its first webhook. From now on that webhook waits alone, and just as long. The rule is
    -- locked before, so that no retry is recorded in between; a webhook that is locked is being cancelled or retried.
    select r.retry_at, r.retry_of
    into waits_until, waiting_id
    from posthorn.lane_rules as r
    where r.lane = new.lane
    for update;
    update posthorn.queue as q
    set due_at = waits_until
    where waits_until > clock_timestamp()
      and q.webhook_id = (
        select w.webhook_id
        from posthorn.queue as w
        where w.webhook_id = waiting_id
          and w.lease_until is null
        for update skip locked
      );
  end if;
  if new.status = 'deleted'
    or (new.status = 'active' and num_nonnulls(new.max_in_flight, new.rate_limit_per_s) = 0 and not new.ordered)
  then
    delete from posthorn.lane_rules where lane = new.lane;
  else
    insert into posthorn.lane_rules as r (lane, is_held, is_ordered, max_in_flight, rate_limit_per_s)
    values (new.lane, new.status <> 'active', new.ordered, new.max_in_flight, new.rate_limit_per_s)
    on conflict (lane) do update
      set is_held = excluded.is_held,
        is_ordered = excluded.is_ordered,
        max_in_flight = excluded.max_in_flight,
        rate_limit_per_s = excluded.rate_limit_per_s,
        retry_at = case when excluded.is_ordered then r.retry_at end,
        retry_of = case when excluded.is_ordered then r.retry_of end;
  end if;
  if tg_op = 'UPDATE' then
    begins_anew := new.status <> old.status and (new.status = 'deleted' or old.status = 'disabled');
    if begins_anew then
      delete from posthorn.breakers where lane = new.lane;
    end if;
    perform pg_notify(
      'posthorn_wake',
      case when new.status = 'active' and old.status <> 'active' then 'closed:' else 'rules:' end || new.lane);
  end if;
  return null;
end
$$;

-- An endpoint that is neither held nor limited has nothing to be told: 100,000 of them are inserted as fast as any row.
create trigger endpoint_to_lane_rule_on_insert
  after insert on posthorn.endpoints
  for each row
  when (new.status <> 'active' or new.max_in_flight is not null or new.rate_limit_per_s is not null or new.ordered)
  execute function posthorn.endpoint_to_lane_rule();

create trigger endpoint_to_lane_rule_on_update
  after update on posthorn.endpoints
  for each row
  when (
    (old.status, old.max_in_flight, old.rate_limit_per_s, old.ordered)
    is distinct from (new.status, new.max_in_flight, new.rate_limit_per_s, new.ordered))
  execute function posthorn.endpoint_to_lane_rule();

create trigger endpoint_to_lane_rule_on_delete
  after delete on posthorn.endpoints
  for each row
  execute function posthorn.endpoint_to_lane_rule();

alter table posthorn.outbox alter column url drop not null;
alter table posthorn.outbox add column endpoint_id uuid;
alter table posthorn.outbox add constraint outbox_has_a_url_or_an_endpoint_id check (num_nonnulls(url, endpoint_id) = 1);

-- The time to a quarter of a microsecond, so that the ids of one statement are in its order. Postgres 18 does the same.
do $do$
begin
  if to_regproc('pg_catalog.uuidv7') is null then
    create or replace function posthorn.uuid_v7() returns uuid
      language sql volatile parallel safe
      as $sql$
        select pg_catalog.encode(
          pg_catalog.overlay(
            pg_catalog.overlay(
              pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
              pg_catalog.substring(pg_catalog.int8send(us / 1000), 3),
              1, 6),
            -- Version 7, and the rest of the millisecond in 12 bits.
            pg_catalog.int2send((28672 + (us % 1000) * 4096 / 1000)::smallint),
            7, 2),
          'hex')::uuid
        from (
          select pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::bigint as us
        ) as time
      $sql$;
  end if;
end
$do$;

-- As in 0003, and: the lane of a registered endpoint, which must be there.
create or replace function posthorn.outbox_to_queue() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  has_foreign_id boolean;
  key_count bigint;
  endpoint_count bigint;
  missing uuid;
  is_due boolean;
begin
  select
    bool_or(id < posthorn.uuid_floor(now() - interval '1 day') or id > posthorn.uuid_floor(now() + interval '1 day')),
    count(idempotency_key),
    count(endpoint_id),
    bool_or(send_at is null or send_at <= now())
  into has_foreign_id, key_count, endpoint_count, is_due
  from new_rows;

  if has_foreign_id then
    raise check_violation using
      constraint = 'outbox_id_is_of_today', schema = 'posthorn', table = 'outbox', column = 'id',
      message = 'Cannot insert into posthorn.outbox as an id must be a UUID v7 whose time is within a day of now',
      hint = 'Leave id out: it has a default.';
  end if;

  if endpoint_count > 0 then
    -- Not locked: producers wait for nobody. What is inserted while its endpoint is deleted fails as endpoint_deleted.
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
          'Cannot insert into posthorn.outbox as an endpoint_id must be that of a registered endpoint: current value is %s',
          missing);
    end if;
  end if;

  if key_count > 0 then
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
        message = 'Cannot insert into posthorn.outbox as an idempotency_key may stand for one webhook only',
        hint = 'posthorn.enqueue() returns the id of the webhook that is already there.';
    end if;
  end if;

  insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
  select
    id,
    id,
    case when endpoint_id is null then posthorn.lane_of(url) else posthorn.lane_of(endpoint_id) end,
    case
      -- In the order of sending whatever the priority: one must not overtake the other.
      when endpoint_id is not null
        and (select e.ordered from posthorn.endpoints as e where e.id = new_rows.endpoint_id)
      then 1
      when priority = 'high' then 0
      when priority = 'normal' then 1
      else 2
    end,
    greatest(send_at, clock_timestamp())
  from new_rows;

  if is_due and pg_try_advisory_xact_lock(1886352244, -1) then
    perform pg_notify('posthorn_wake', '');
  end if;
  return null;
end
$$;

-- As in 0003, and: to a URL or to a registered endpoint.
drop function posthorn.enqueue(text, text, jsonb, text, text, text, timestamptz, integer, text, text);

create function posthorn.enqueue(
  url text default null,
  body text default null,
  headers jsonb default null,
  secret text default null,
  content_type text default 'application/json',
  priority text default 'normal',
  send_at timestamptz default null,
  max_attempts integer default null,
  idempotency_key text default null,
  traceparent text default null,
  endpoint_id uuid default null
) returns uuid
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
#variable_conflict use_column
declare
  new_id uuid := posthorn.uuid_v7();
  known_id uuid;
begin
  while enqueue.idempotency_key is not null loop
    insert into posthorn.idempotency_keys as k (key, webhook_id, expires_at)
    values (enqueue.idempotency_key, new_id, now() + interval '7 days')
    on conflict (key) do update
      set webhook_id = excluded.webhook_id, expires_at = excluded.expires_at
      where k.expires_at <= now();
    exit when found;
    select k.webhook_id into known_id from posthorn.idempotency_keys as k where k.key = enqueue.idempotency_key;
    -- Not found when the key was pruned in between: then it is free.
    if found then
      return known_id;
    end if;
  end loop;

  insert into posthorn.outbox
    (id, url, endpoint_id, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key,
      traceparent)
  values (
    new_id,
    enqueue.url,
    enqueue.endpoint_id,
    enqueue.body,
    enqueue.headers,
    enqueue.secret,
    coalesce(enqueue.content_type, 'application/json'),
    coalesce(enqueue.priority, 'normal'),
    enqueue.send_at,
    enqueue.max_attempts,
    enqueue.idempotency_key,
    enqueue.traceparent
  );
  return new_id;
end
$$;

-- As in 0003, and: an ordered endpoint does not wait any longer for the retry of what was cancelled.
create or replace function posthorn.cancel(webhook_id uuid) returns boolean
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
    with ended as (
      delete from posthorn.queue as q
      where q.webhook_id = cancel.webhook_id
        and (q.lease_until is null or q.lease_until < now())
      returning q.webhook_id, q.outbox_id, q.lane, q.attempts
    ), recorded as (
      insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason)
      select e.webhook_id, e.outbox_id, e.lane, 'cancelled', e.attempts, 'cancelled'
      from ended as e
      returning 1
    ), freed as (
      update posthorn.lane_rules as r
      set retry_at = null
      from ended as e
      where r.lane = e.lane
        and r.retry_at is not null
        -- Of an ordered lane only the first one has been tried.
        and e.attempts > 0
      returning r.lane
    )
    select exists (select from recorded)
      and coalesce((select pg_notify('posthorn_wake', 'rules:' || lane) is not null from freed), true)
  $$;

revoke execute on function
  posthorn.enqueue(text, text, jsonb, text, text, text, timestamptz, integer, text, text, uuid),
  posthorn.cancel(uuid),
  posthorn.endpoint_changes(),
  posthorn.endpoint_to_lane_rule()
from public;

-- As in 0004, and: the endpoint, and what a webhook waits for.
drop view posthorn.webhooks;

create view posthorn.webhooks as
select
  o.id,
  coalesce(o.url, (select p.url from posthorn.endpoints as p where p.id = o.endpoint_id)) as url,
  o.endpoint_id,
  case
    when e.webhook_id is not null then e.status
    when q.lease_until > now() then 'delivering'
    else 'pending'
  end as status,
  coalesce(e.attempts, q.attempts, 0::smallint) as attempts,
  o.created_at,
  -- Not sooner than this; null while it is sent, and as long as its endpoint is paused or disabled.
  case
    when q.webhook_id is not null
      and (q.lease_until is null or q.lease_until <= now())
      and not coalesce((select r.is_held from posthorn.lane_rules as r where r.lane = q.lane), false)
    then greatest(
      q.due_at,
      (select r.retry_at from posthorn.lane_rules as r where r.lane = q.lane),
      (
        select greatest(b.paused_until, case when b.state = 'open' then b.open_until end)
        from posthorn.breakers as b
        where b.lane = q.lane
      ))
  end as next_attempt_at,
  case
    when q.webhook_id is null or q.lease_until > now() then null
    when (select r.is_held from posthorn.lane_rules as r where r.lane = q.lane) then (
      select 'endpoint_' || p.status::text from posthorn.endpoints as p where p.id = o.endpoint_id)
    when q.due_at > now() then 'due_time'
    when (select r.retry_at > now() from posthorn.lane_rules as r where r.lane = q.lane) then 'retry_of_the_first'
    when (select b.state = 'open' from posthorn.breakers as b where b.lane = q.lane) then 'breaker'
    when (select b.paused_until > now() from posthorn.breakers as b where b.lane = q.lane) then 'retry_after'
    else 'slot'
  end as waits_for,
  e.finished_at,
  coalesce(
    e.last_status_code,
    (select a.status_code from posthorn.attempts as a where a.webhook_id = o.id order by a.number desc limit 1)
  ) as last_status_code,
  (select a.error from posthorn.attempts as a where a.webhook_id = o.id order by a.number desc limit 1) as last_error,
  e.reason,
  o.priority,
  o.send_at,
  o.max_attempts,
  o.idempotency_key,
  o.content_type,
  octet_length(o.body) as body_bytes,
  coalesce(e.lane, q.lane) as lane
from posthorn.outbox as o
left join posthorn.queue as q on q.webhook_id = o.id
left join posthorn.outcomes as e on e.webhook_id = o.id;

comment on view posthorn.webhooks is 'Every webhook with its state: pending, delivering, delivered, failed or cancelled.';
comment on table posthorn.endpoints is 'Registered endpoints: an address and its settings.';
comment on table posthorn.lane_rules is 'What the claim must know of endpoints that are held or limited; a trigger keeps it.';
