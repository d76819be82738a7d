-- Events, and who receives them.
--
-- An event is a row of the outbox with a tenant and a type. In the producer's transaction, a trigger finds the
-- subscriptions of the tenant that match, and adds a row to the queue for each endpoint: outbox_to_queue().
--
-- tenants           settings of tenants; a tenant without a row has none
-- event_types       what people should know about types of events; a type without a row is just as good
-- subscriptions     which events an endpoint receives
-- unmatched_events  the events that no endpoint received
-- fan_outs          events with so many recipients that a job adds them to the queue
-- catch_ups         endpoints for which a job adds the events that they have missed

create table posthorn.tenants (
  id text not null,
  -- Its name in lane_rules, and in the queue.
  key bigint generated always as (posthorn.tenant_key(id)) stored,
  -- For people.
  name text not null default '',
  -- For all of its endpoints and all workers together. Null: no limit.
  max_in_flight integer,
  rate_limit_per_s double precision,
  -- It is full when it has this many unfinished webhooks, until it has less than 90 % of them. Null: it is never full.
  max_waiting bigint,
  -- Whether the inserts of its producers are refused while it is full.
  refuse_when_full boolean not null default false,
  -- Written by note_full_tenants(). Null: it is not full.
  full_since timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  constraint tenants_pkey primary key (id),
  constraint tenants_key_is_unique unique (key),
  constraint tenants_id_is_1_to_255_bytes check (octet_length(id) between 1 and 255 and id !~ '[[:cntrl:]]'),
  constraint tenants_id_is_not_all_tenants check (id <> '*'),
  constraint tenants_name_is_at_most_255_bytes check (octet_length(name) <= 255),
  constraint tenants_max_in_flight_is_1_to_10000 check (max_in_flight between 1 and 10000),
  constraint tenants_rate_limit_per_s_is_0_001_to_10000 check (rate_limit_per_s between 0.001 and 10000),
  constraint tenants_max_waiting_is_1_to_1000000000 check (max_waiting between 1 and 1000000000)
);

-- Usually empty: a producer's insert looks here.
create index tenants_for_refusals on posthorn.tenants (id) where refuse_when_full and full_since is not null;
create index tenants_for_alerts on posthorn.tenants (full_since) where full_since is not null;
create index tenants_for_counting on posthorn.tenants (id) where max_waiting is not null;

-- Only for people, documents and the HTTP API, which refuses a body that its schema does not allow if it is told to.
create table posthorn.event_types (
  name text not null,
  description text not null default '',
  -- A JSON Schema (2020-12) of the body.
  schema jsonb,
  example jsonb,
  -- Null: it is not.
  deprecated_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint event_types_pkey primary key (name),
  constraint event_types_name_is_words check (
    octet_length(name) <= 128 and name ~ '^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$'),
  constraint event_types_description_is_at_most_4_kib check (octet_length(description) <= 4096),
  constraint event_types_schema_is_json_schema check (
    jsonb_typeof(schema) in ('object', 'boolean') and octet_length(schema::text) <= 65536),
  constraint event_types_example_is_at_most_64_kib check (octet_length(example::text) <= 65536)
);

-- A subscription is ended and not changed, so that it can be told later who had subscribed when an event was published.
create table posthorn.subscriptions (
  id uuid not null default posthorn.uuid_v7(),
  endpoint_id uuid not null,
  -- A type, "order.*" for all types below "order", or "*" for all types.
  event_type text not null,
  -- A predicate on the body. Null: all events of the type.
  filter jsonpath,
  created_at timestamptz not null default clock_timestamp(),
  -- Null: in force.
  ended_at timestamptz,
  -- The transactions that made and ended it, for the events of a fan-out whose transaction ran at the same time.
  created_in xid8 not null default pg_current_xact_id(),
  ended_in xid8,
  -- Copies of columns of the endpoint, so that publishing an event reads no endpoint. Triggers write them.
  tenant text not null,
  lane bigint not null generated always as (posthorn.lane_of(endpoint_id)) stored,
  is_ordered boolean not null,
  -- In force, and its endpoint is active or paused.
  is_live boolean not null,
  constraint subscriptions_pkey primary key (id),
  constraint subscriptions_endpoint_is_registered foreign key (endpoint_id) references posthorn.endpoints (id) on delete cascade
);

-- Each index has a predicate that its query repeats, and that is always true if nothing else is in it, as those of the
-- queue. Without them, a session that published before there were subscriptions chose the index without the tenant.
create index subscriptions_for_events on posthorn.subscriptions (tenant, event_type, endpoint_id)
  where is_live and event_type > '';
-- Usually empty: tells that no body must be read as JSON.
create index subscriptions_for_filters on posthorn.subscriptions (tenant, event_type) where is_live and filter is not null;
-- The few that are added to the queue in the producer's transaction, however many recipients an event has.
create index subscriptions_for_order on posthorn.subscriptions (event_type, tenant) where is_live and is_ordered;
-- With those that have ended: for a fan-out, to one tenant and to all.
create index subscriptions_for_fan_out on posthorn.subscriptions (tenant, event_type, endpoint_id)
  where endpoint_id > '00000000-0000-0000-0000-000000000000';
create index subscriptions_for_all_tenants on posthorn.subscriptions (event_type, endpoint_id) where tenant >= '';
create unique index subscriptions_are_unique on posthorn.subscriptions (endpoint_id, event_type, coalesce(filter::text, ''))
  where ended_at is null;
create index subscriptions_for_endpoints on posthorn.subscriptions (endpoint_id, id);
create index subscriptions_for_pruning on posthorn.subscriptions (ended_at) where ended_at is not null;

create table posthorn.unmatched_events (
  event_id uuid not null,
  constraint unmatched_events_pkey primary key (event_id)
);

create table posthorn.fan_outs (
  event_id uuid not null,
  -- What the producer's statement saw: the recipients are those that had subscribed then.
  seen pg_snapshot not null default pg_current_snapshot(),
  published_in xid8 not null default pg_current_xact_id(),
  published_at timestamptz not null default clock_timestamp(),
  -- The last endpoint that was looked at. It advances in the transaction that adds the webhooks.
  walked_to uuid not null default '00000000-0000-0000-0000-000000000000',
  recipients integer not null default 0,
  -- When a worker last worked on it.
  moved_at timestamptz not null default '-infinity',
  constraint fan_outs_pkey primary key (event_id)
) with (fillfactor = 50);

create type posthorn.catch_up_status as enum ('running', 'finished', 'cancelled');

create table posthorn.catch_ups (
  id uuid not null default posthorn.uuid_v7(),
  endpoint_id uuid not null,
  status posthorn.catch_up_status not null default 'running',
  -- Events published from this time on.
  since timestamptz not null,
  -- Whether a subscription made after an event counts as well.
  by_present_subscriptions boolean not null default false,
  -- Null: as fast as the job is.
  rate_limit_per_s double precision,
  -- The transactions that ran at the start, by their virtual ids: they may not have seen that the endpoint was enabled.
  -- Once they have ended, the events are read once more. Null: not looked at yet.
  awaited text[],
  -- The last event that was looked at. It advances in the transaction that adds the webhooks.
  walked_to uuid not null default '00000000-0000-0000-0000-000000000000',
  read_count bigint not null default 0,
  webhooks bigint not null default 0,
  -- The webhooks added so far fill the rate until this time.
  paced_until timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  moved_at timestamptz not null default '-infinity',
  finished_at timestamptz,
  constraint catch_ups_pkey primary key (id),
  constraint catch_ups_endpoint_is_registered foreign key (endpoint_id) references posthorn.endpoints (id) on delete cascade,
  constraint catch_ups_since_is_finite check (isfinite(since)),
  constraint catch_ups_rate_limit_per_s_is_0_1_to_10000 check (rate_limit_per_s between 0.1 and 10000)
) with (fillfactor = 50);

create unique index catch_ups_for_work on posthorn.catch_ups (endpoint_id) where status = 'running';
create index catch_ups_for_endpoints on posthorn.catch_ups (endpoint_id, id);

comment on table posthorn.tenants is 'Settings of tenants. A tenant needs no row.';
comment on table posthorn.event_types is 'The catalogue: description, schema and example of types of events. A type needs no row.';
comment on table posthorn.subscriptions is 'Which events an endpoint receives. End one with: update ... set ended_at = now().';
comment on table posthorn.unmatched_events is 'The events that no endpoint received.';
comment on table posthorn.fan_outs is 'Events with so many recipients that a job adds them to the queue, and its progress.';
comment on table posthorn.catch_ups is 'Endpoints for which a job adds the events that they have missed, and its progress.';
