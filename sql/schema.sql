-- The whole schema posthorn, as Postgres 18 describes it: to be read, not to be run.
-- It is made by migrations/, sql/functions/ and sql/views/. After a change there: npm run schema.

-- Types

create type posthorn.breaker_state as enum ('closed', 'open');

create type posthorn.catch_up_status as enum ('running', 'finished', 'cancelled');

create type posthorn.endpoint_status as enum ('active', 'paused', 'disabled', 'deleted');

create type posthorn.replay_status as enum ('running', 'finished', 'cancelling', 'cancelled');

create type posthorn.webhook_status as enum ('pending', 'delivering', 'delivered', 'failed', 'cancelled');

-- Tables

create table posthorn.alert_watch (
  is_only boolean not null default true,
  evaluated_at timestamp with time zone,
  oldest_xmin xid,
  oldest_xmin_since timestamp with time zone,
  constraint alert_watch_pkey PRIMARY KEY (is_only),
  constraint alert_watch_has_one_row CHECK (is_only)
);

create table posthorn.alerts (
  id uuid not null default posthorn.uuid_v7(),
  rule text not null,
  subject text not null default ''::text,
  severity text not null,
  summary text not null,
  detail jsonb not null default '{}'::jsonb,
  step smallint not null default 0,
  since timestamp with time zone not null default clock_timestamp(),
  fired_at timestamp with time zone,
  told_at timestamp with time zone,
  clear_since timestamp with time zone,
  resolved_at timestamp with time zone,
  constraint alerts_pkey PRIMARY KEY (id),
  constraint alerts_severity_is_warning_or_critical CHECK ((severity = ANY (ARRAY['warning'::text, 'critical'::text])))
);

create table posthorn.api_keys (
  id uuid not null default posthorn.uuid_v7(),
  name text not null,
  prefix text not null,
  hash bytea not null,
  scopes text[] not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  constraint api_keys_hash_is_unique UNIQUE (hash),
  constraint api_keys_pkey PRIMARY KEY (id),
  constraint api_keys_hash_is_sha256 CHECK ((octet_length(hash) = 32)),
  constraint api_keys_name_is_1_to_100_bytes CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 100))),
  constraint api_keys_scopes_are_read_send_manage CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['read'::text, 'send'::text, 'manage'::text])))
);

create table posthorn.attempts (
  webhook_id uuid not null,
  started_at timestamp with time zone not null default clock_timestamp(),
  finished_at timestamp with time zone,
  created_at timestamp with time zone not null default clock_timestamp(),
  duration_ms real,
  worker integer not null,
  number smallint not null,
  status_code smallint,
  response_truncated boolean,
  error text,
  error_message text,
  response_body text,
  constraint attempts_pkey PRIMARY KEY (webhook_id, number)
) partition by RANGE (webhook_id);

create table posthorn.attempts_default partition of posthorn.attempts DEFAULT with (
  fillfactor=40
);

create table posthorn.breakers (
  key bigint not null,
  url text not null,
  origin bigint not null generated always as (posthorn.origin_of(url)) stored,
  state posthorn.breaker_state not null default 'closed'::posthorn.breaker_state,
  consecutive integer not null default 0,
  trips integer not null default 0,
  failing_since timestamp with time zone not null default clock_timestamp(),
  last_failure_at timestamp with time zone,
  open_until timestamp with time zone,
  probe_until timestamp with time zone,
  probe_webhook uuid,
  probe_attempt smallint,
  throttled_until timestamp with time zone,
  last_error text,
  only_lane bigint,
  constraint breakers_pkey PRIMARY KEY (key)
) with (
  autovacuum_vacuum_cost_delay=0,
  autovacuum_vacuum_scale_factor=0,
  autovacuum_vacuum_threshold=1000,
  fillfactor=50
);

create table posthorn.brought_forward (
  replay_id uuid not null,
  webhook_id uuid not null,
  due_at timestamp with time zone,
  retry_at timestamp with time zone,
  attempts smallint not null,
  brought_to timestamp with time zone not null,
  constraint brought_forward_pkey PRIMARY KEY (webhook_id, replay_id)
);

create table posthorn.catch_ups (
  id uuid not null default posthorn.uuid_v7(),
  endpoint_id uuid not null,
  status posthorn.catch_up_status not null default 'running'::posthorn.catch_up_status,
  since timestamp with time zone not null,
  by_present_subscriptions boolean not null default false,
  rate_limit_per_s double precision,
  awaited text[],
  walked_to uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  read_count bigint not null default 0,
  webhooks bigint not null default 0,
  paced_until timestamp with time zone,
  created_at timestamp with time zone not null default clock_timestamp(),
  moved_at timestamp with time zone not null default '-infinity'::timestamp with time zone,
  finished_at timestamp with time zone,
  constraint catch_ups_pkey PRIMARY KEY (id),
  constraint catch_ups_endpoint_is_registered FOREIGN KEY (endpoint_id) REFERENCES posthorn.endpoints(id) ON DELETE CASCADE,
  constraint catch_ups_rate_limit_per_s_is_0_1_to_10000 CHECK (((rate_limit_per_s >= (0.1)::double precision) AND (rate_limit_per_s <= (10000)::double precision))),
  constraint catch_ups_since_is_finite CHECK (isfinite(since))
) with (
  fillfactor=50
);

create table posthorn.clock (
  is_only boolean not null default true,
  seen_at timestamp with time zone not null default clock_timestamp(),
  constraint clock_pkey PRIMARY KEY (is_only),
  constraint clock_has_one_row CHECK (is_only)
) with (
  fillfactor=50
);

create table posthorn.definitions (
  name text not null,
  hash text not null,
  version text not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint definitions_pkey PRIMARY KEY (name)
);

create table posthorn.endpoints (
  id uuid not null default posthorn.uuid_v7(),
  tenant text not null default ''::text,
  lane bigint not null generated always as (posthorn.lane_of(id)) stored,
  origin bigint generated always as (posthorn.origin_of(url)) stored,
  tenant_key bigint generated always as (posthorn.tenant_key(tenant)) stored,
  url text not null,
  description text not null default ''::text,
  secret text,
  public_key text,
  former_secrets jsonb,
  headers jsonb,
  status posthorn.endpoint_status not null default 'active'::posthorn.endpoint_status,
  status_reason text,
  status_since timestamp with time zone not null default clock_timestamp(),
  max_in_flight integer,
  rate_limit_per_s double precision,
  timeout_ms integer,
  retry_schedule_s integer[],
  ordered boolean not null default false,
  gone_answers smallint not null default 0,
  catching_up boolean not null default false,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint endpoints_lane_is_unique UNIQUE (lane),
  constraint endpoints_pkey PRIMARY KEY (id)
);

create table posthorn.event_types (
  name text not null,
  description text not null default ''::text,
  schema jsonb,
  example jsonb,
  deprecated_at timestamp with time zone,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint event_types_pkey PRIMARY KEY (name),
  constraint event_types_description_is_at_most_4_kib CHECK ((octet_length(description) <= 4096)),
  constraint event_types_example_is_at_most_64_kib CHECK ((octet_length((example)::text) <= 65536)),
  constraint event_types_name_is_words CHECK (((octet_length(name) <= 128) AND (name ~ '^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$'::text))),
  constraint event_types_schema_is_json_schema CHECK (((jsonb_typeof(schema) = ANY (ARRAY['object'::text, 'boolean'::text])) AND (octet_length((schema)::text) <= 65536)))
);

create table posthorn.fan_outs (
  event_id uuid not null,
  seen pg_snapshot not null default pg_current_snapshot(),
  published_in xid8 not null default pg_current_xact_id(),
  published_at timestamp with time zone not null default clock_timestamp(),
  walked_to uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  recipients integer not null default 0,
  moved_at timestamp with time zone not null default '-infinity'::timestamp with time zone,
  constraint fan_outs_pkey PRIMARY KEY (event_id)
) with (
  fillfactor=50
);

create table posthorn.former_outcomes (
  webhook_id uuid not null,
  outbox_id uuid not null,
  replay_id uuid,
  lane bigint not null,
  finished_at timestamp with time zone not null,
  replayed_at timestamp with time zone not null default clock_timestamp(),
  status posthorn.webhook_status not null,
  attempts smallint not null,
  last_status_code smallint,
  reason text,
  constraint former_outcomes_pkey PRIMARY KEY (webhook_id, replayed_at)
);

create table posthorn.history (
  is_only boolean not null default true,
  whole_from date not null default '1970-01-01'::date,
  constraint history_pkey PRIMARY KEY (is_only),
  constraint history_has_one_row CHECK (is_only)
);

create table posthorn.idempotency_keys (
  tenant text not null,
  key text not null,
  outbox_id uuid not null,
  expires_at timestamp with time zone not null,
  constraint idempotency_keys_pkey PRIMARY KEY (tenant, key)
);

create table posthorn.identity (
  is_only boolean not null default true,
  system_identifier bigint,
  database_oid oid,
  environment text,
  recorded_at timestamp with time zone,
  held_since timestamp with time zone,
  held_because text,
  constraint identity_pkey PRIMARY KEY (is_only),
  constraint identity_has_one_row CHECK (is_only)
);

create table posthorn.lane_rules (
  lane bigint not null,
  is_held boolean not null,
  is_ordered boolean not null,
  is_tenant boolean not null default false,
  max_in_flight integer,
  rate_limit_per_s double precision,
  owner integer,
  rate_from timestamp with time zone,
  retry_at timestamp with time zone,
  retry_of uuid,
  constraint lane_rules_pkey PRIMARY KEY (lane)
) with (
  autovacuum_vacuum_cost_delay=0,
  autovacuum_vacuum_scale_factor=0,
  autovacuum_vacuum_threshold=1000,
  fillfactor=50
);

create table posthorn.maintenance_runs (
  task text not null,
  ended_at timestamp with time zone not null default clock_timestamp(),
  duration_ms real not null,
  detail jsonb not null,
  constraint maintenance_runs_pkey PRIMARY KEY (task)
) with (
  fillfactor=50
);

create table posthorn.outbox (
  id uuid not null default posthorn.uuid_v7(),
  url text,
  endpoint_id uuid,
  event_type text,
  tenant text default ''::text,
  body text,
  headers jsonb,
  secret text,
  content_type text default 'application/json'::text,
  priority text default 'normal'::text,
  send_at timestamp with time zone,
  max_attempts integer,
  idempotency_key text,
  traceparent text,
  created_at timestamp with time zone default clock_timestamp(),
  signed_as uuid,
  constraint outbox_pkey PRIMARY KEY (id),
  constraint outbox_keeps_rules CHECK (posthorn.outbox_keeps_rules(id, url, endpoint_id, event_type, tenant, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key, traceparent, created_at))
) partition by RANGE (id);

create table posthorn.outbox_default partition of posthorn.outbox DEFAULT;

create table posthorn.outcomes (
  webhook_id uuid not null,
  outbox_id uuid not null,
  lane bigint not null,
  finished_at timestamp with time zone not null default clock_timestamp(),
  status posthorn.webhook_status not null,
  attempts smallint not null,
  last_status_code smallint,
  reason text,
  constraint outcomes_pkey PRIMARY KEY (webhook_id),
  constraint outcomes_status_is_final CHECK ((status = ANY (ARRAY['delivered'::posthorn.webhook_status, 'failed'::posthorn.webhook_status, 'cancelled'::posthorn.webhook_status])))
) partition by RANGE (webhook_id);

create table posthorn.outcomes_default partition of posthorn.outcomes DEFAULT;

create table posthorn.queue (
  webhook_id uuid not null,
  outbox_id uuid not null,
  lane bigint not null,
  origin bigint,
  tenant_key bigint,
  due_at timestamp with time zone not null,
  lease_until timestamp with time zone,
  leased_by integer,
  priority smallint not null,
  attempts smallint not null default 0,
  uncounted smallint not null default 0,
  past_attempts smallint not null default 0,
  constraint queue_pkey PRIMARY KEY (webhook_id)
) with (
  autovacuum_analyze_scale_factor=0,
  autovacuum_analyze_threshold=20000,
  autovacuum_vacuum_cost_delay=0,
  autovacuum_vacuum_insert_threshold=-1,
  autovacuum_vacuum_scale_factor=0,
  autovacuum_vacuum_threshold=5000,
  fillfactor=45
);

create table posthorn.replays (
  id uuid not null default posthorn.uuid_v7(),
  status posthorn.replay_status not null default 'running'::posthorn.replay_status,
  statuses posthorn.webhook_status[] not null default '{failed}'::posthorn.webhook_status[],
  endpoint_id uuid,
  url text,
  normalised_url text,
  from_at timestamp with time zone,
  until_at timestamp with time zone,
  ids uuid[],
  event_id uuid,
  event_type text,
  tenant text,
  priority smallint default 2,
  rate_limit_per_s double precision,
  matched bigint not null default 0,
  is_at_least boolean not null default true,
  replayed bigint not null default 0,
  skipped jsonb not null default '{}'::jsonb,
  taken_back bigint not null default 0,
  walked_to uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  taken_back_to uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  is_walked boolean not null default false,
  paced_until timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  moved_at timestamp with time zone not null default '-infinity'::timestamp with time zone,
  finished_at timestamp with time zone,
  constraint replays_pkey PRIMARY KEY (id),
  constraint replays_are_bounded CHECK ((num_nonnulls(endpoint_id, url, from_at, ids, event_id, event_type, tenant) > 0)),
  constraint replays_event_type_is_at_most_128_bytes CHECK ((octet_length(event_type) <= 128)),
  constraint replays_go_to_one_endpoint CHECK ((num_nonnulls(endpoint_id, url) < 2)),
  constraint replays_ids_are_1_to_1000 CHECK ((((cardinality(ids) >= 1) AND (cardinality(ids) <= 1000)) AND (array_position(ids, NULL::uuid) IS NULL))),
  constraint replays_normalised_url_is_without_query CHECK ((((url IS NOT NULL) AND (normalised_url !~ '[?#]'::text) AND (octet_length(normalised_url) <= 2048)) OR (normalised_url IS NULL))),
  constraint replays_priority_is_0_to_2 CHECK (((priority >= 0) AND (priority <= 2))),
  constraint replays_rate_limit_per_s_is_0_1_to_10000 CHECK (((rate_limit_per_s >= (0.1)::double precision) AND (rate_limit_per_s <= (10000)::double precision))),
  constraint replays_statuses_are_some CHECK (((cardinality(statuses) > 0) AND (statuses <@ ARRAY['failed'::posthorn.webhook_status, 'cancelled'::posthorn.webhook_status, 'delivered'::posthorn.webhook_status, 'pending'::posthorn.webhook_status]))),
  constraint replays_tenant_is_at_most_255_bytes CHECK ((octet_length(tenant) <= 255)),
  constraint replays_url_is_without_query CHECK (((url !~ '[?#]'::text) AND (octet_length(url) <= 2048)))
) with (
  fillfactor=50
);

create table posthorn.samples (
  taken_at timestamp with time zone not null default clock_timestamp(),
  attempts integer not null,
  failures integer not null,
  seconds real not null,
  p50_ms real,
  p95_ms real,
  p99_ms real,
  waiting bigint not null,
  due bigint not null,
  oldest_due_s real,
  constraint samples_pkey PRIMARY KEY (taken_at)
);

create table posthorn.sealing (
  is_only_row boolean not null default true,
  key_id text,
  started_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  finished_at timestamp with time zone,
  total integer not null default 0,
  done integer not null default 0,
  plain integer not null default 0,
  missing_keys text[] not null default '{}'::text[],
  removable_keys text[] not null default '{}'::text[],
  constraint sealing_pkey PRIMARY KEY (is_only_row),
  constraint sealing_has_one_row CHECK (is_only_row)
);

create table posthorn.stats (
  is_only boolean not null default true,
  taken_at timestamp with time zone not null default '-infinity'::timestamp with time zone,
  took_ms real not null default 0,
  figures jsonb,
  constraint stats_pkey PRIMARY KEY (is_only),
  constraint stats_is_one_row CHECK (is_only)
) with (
  fillfactor=50
);

create table posthorn.subscriptions (
  id uuid not null default posthorn.uuid_v7(),
  endpoint_id uuid not null,
  event_type text not null,
  filter jsonpath,
  created_at timestamp with time zone not null default clock_timestamp(),
  ended_at timestamp with time zone,
  created_in xid8 not null default pg_current_xact_id(),
  ended_in xid8,
  tenant text not null,
  lane bigint not null generated always as (posthorn.lane_of(endpoint_id)) stored,
  is_ordered boolean not null,
  is_live boolean not null,
  constraint subscriptions_pkey PRIMARY KEY (id),
  constraint subscriptions_endpoint_is_registered FOREIGN KEY (endpoint_id) REFERENCES posthorn.endpoints(id) ON DELETE CASCADE
);

create table posthorn.tallies (
  id uuid not null default posthorn.uuid_v7(),
  counted_at timestamp with time zone not null default clock_timestamp(),
  worker integer not null,
  endpoint_id uuid,
  attempts integer not null,
  failures integer not null,
  is_watched boolean not null default false,
  constraint tallies_pkey PRIMARY KEY (id)
);

create table posthorn.tenants (
  id text not null,
  key bigint generated always as (posthorn.tenant_key(id)) stored,
  name text not null default ''::text,
  max_in_flight integer,
  rate_limit_per_s double precision,
  max_waiting bigint,
  refuse_when_full boolean not null default false,
  full_since timestamp with time zone,
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint tenants_key_is_unique UNIQUE (key),
  constraint tenants_pkey PRIMARY KEY (id),
  constraint tenants_id_is_1_to_255_bytes CHECK ((((octet_length(id) >= 1) AND (octet_length(id) <= 255)) AND (id !~ '[[:cntrl:]]'::text))),
  constraint tenants_id_is_not_all_tenants CHECK ((id <> '*'::text)),
  constraint tenants_max_in_flight_is_1_to_10000 CHECK (((max_in_flight >= 1) AND (max_in_flight <= 10000))),
  constraint tenants_max_waiting_is_1_to_1000000000 CHECK (((max_waiting >= 1) AND (max_waiting <= 1000000000))),
  constraint tenants_name_is_at_most_255_bytes CHECK ((octet_length(name) <= 255)),
  constraint tenants_rate_limit_per_s_is_0_001_to_10000 CHECK (((rate_limit_per_s >= (0.001)::double precision) AND (rate_limit_per_s <= (10000)::double precision)))
);

create table posthorn.unmatched_events (
  event_id uuid not null,
  constraint unmatched_events_pkey PRIMARY KEY (event_id)
);

create table posthorn.workers (
  number integer not null,
  host text not null,
  pid integer not null,
  version text not null,
  graphile_pool text,
  started_at timestamp with time zone not null default clock_timestamp(),
  seen_at timestamp with time zone not null default clock_timestamp(),
  egress_down_since timestamp with time zone,
  claims_failing_since timestamp with time zone,
  claim_error text,
  held_back jsonb not null default '[]'::jsonb,
  constraint workers_pkey PRIMARY KEY (number)
);

-- Indexes

CREATE UNIQUE INDEX alerts_for_evaluation ON posthorn.alerts USING btree (rule, subject) WHERE (resolved_at IS NULL);
CREATE INDEX alerts_for_prune ON posthorn.alerts USING btree (resolved_at) WHERE (resolved_at IS NOT NULL);

CREATE INDEX breakers_for_origins ON posthorn.breakers USING btree (origin);
CREATE INDEX breakers_for_probe ON posthorn.breakers USING btree (open_until) WHERE ((state = 'open'::posthorn.breaker_state) AND (key <> origin));

CREATE INDEX brought_forward_for_replay ON posthorn.brought_forward USING btree (replay_id, webhook_id);

CREATE INDEX catch_ups_for_endpoints ON posthorn.catch_ups USING btree (endpoint_id, id);
CREATE UNIQUE INDEX catch_ups_for_work ON posthorn.catch_ups USING btree (endpoint_id) WHERE (status = 'running'::posthorn.catch_up_status);

CREATE INDEX endpoints_for_alerts ON posthorn.endpoints USING btree (status_since) WHERE ((status = 'disabled'::posthorn.endpoint_status) AND (status_reason = ANY (ARRAY['failing'::text, 'gone'::text])));
CREATE INDEX endpoints_for_origins ON posthorn.endpoints USING btree (origin);
CREATE INDEX endpoints_for_pruning ON posthorn.endpoints USING btree (status_since) WHERE (status = 'deleted'::posthorn.endpoint_status);
CREATE INDEX endpoints_for_tenants ON posthorn.endpoints USING btree (tenant, id);

CREATE INDEX former_outcomes_for_replay ON posthorn.former_outcomes USING btree (replay_id, webhook_id) WHERE (replay_id IS NOT NULL);

CREATE INDEX idempotency_keys_for_prune ON posthorn.idempotency_keys USING btree (expires_at);

CREATE INDEX outbox_for_events ON ONLY posthorn.outbox USING btree (tenant, id) WHERE (event_type IS NOT NULL);

CREATE INDEX outcomes_for_cancellations ON ONLY posthorn.outcomes USING btree (webhook_id) INCLUDE (lane, outbox_id) WHERE (status = 'cancelled'::posthorn.webhook_status);
CREATE INDEX outcomes_for_failures ON ONLY posthorn.outcomes USING btree (webhook_id) INCLUDE (lane, outbox_id) WHERE (status = 'failed'::posthorn.webhook_status);
CREATE INDEX outcomes_for_failures_by_end ON ONLY posthorn.outcomes USING btree (finished_at) WHERE (status = 'failed'::posthorn.webhook_status);

CREATE INDEX queue_for_claim ON posthorn.queue USING btree (lane, priority, due_at) WHERE (priority < 1000);
CREATE INDEX queue_for_discovery ON posthorn.queue USING btree (due_at) WHERE (priority > '-1'::integer);

CREATE INDEX replays_for_work ON posthorn.replays USING btree (id) WHERE (status = ANY (ARRAY['running'::posthorn.replay_status, 'cancelling'::posthorn.replay_status]));

CREATE UNIQUE INDEX subscriptions_are_unique ON posthorn.subscriptions USING btree (endpoint_id, event_type, COALESCE((filter)::text, ''::text)) WHERE (ended_at IS NULL);
CREATE INDEX subscriptions_for_all_tenants ON posthorn.subscriptions USING btree (event_type, endpoint_id) WHERE (tenant >= ''::text);
CREATE INDEX subscriptions_for_endpoints ON posthorn.subscriptions USING btree (endpoint_id, id);
CREATE INDEX subscriptions_for_events ON posthorn.subscriptions USING btree (tenant, event_type, endpoint_id) WHERE (is_live AND (event_type > ''::text));
CREATE INDEX subscriptions_for_fan_out ON posthorn.subscriptions USING btree (tenant, event_type, endpoint_id) WHERE (endpoint_id > '00000000-0000-0000-0000-000000000000'::uuid);
CREATE INDEX subscriptions_for_filters ON posthorn.subscriptions USING btree (tenant, event_type) WHERE (is_live AND (filter IS NOT NULL));
CREATE INDEX subscriptions_for_order ON posthorn.subscriptions USING btree (event_type, tenant) WHERE (is_live AND is_ordered);
CREATE INDEX subscriptions_for_pruning ON posthorn.subscriptions USING btree (ended_at) WHERE (ended_at IS NOT NULL);

CREATE INDEX tallies_for_alerts ON posthorn.tallies USING btree (counted_at) WHERE ((endpoint_id IS NULL) OR is_watched);
CREATE INDEX tallies_for_endpoints ON posthorn.tallies USING btree (endpoint_id, counted_at) WHERE (endpoint_id IS NOT NULL);

CREATE INDEX tenants_for_alerts ON posthorn.tenants USING btree (full_since) WHERE (full_since IS NOT NULL);
CREATE INDEX tenants_for_counting ON posthorn.tenants USING btree (id) WHERE (max_waiting IS NOT NULL);
CREATE INDEX tenants_for_refusals ON posthorn.tenants USING btree (id) WHERE (refuse_when_full AND (full_since IS NOT NULL));

-- Functions

CREATE OR REPLACE FUNCTION posthorn.add_webhooks(event_ids uuid[], endpoint_ids uuid[], priority smallint DEFAULT NULL::smallint, due_from timestamp with time zone DEFAULT NULL::timestamp with time zone, spacing interval DEFAULT '00:00:00'::interval)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_column
declare
  added uuid[];
  ended integer;
begin
  with wanted as materialized (
    select
      posthorn.webhook_id(w.event_id, w.endpoint_id) as webhook_id,
      w.event_id,
      e.lane,
      case
        when e.ordered then 1
        else coalesce(add_webhooks.priority, posthorn.priority_of(o.priority))
      end as priority,
      case when e.ordered then greatest(o.send_at, o.created_at) else o.send_at end as send_at,
      e.ordered,
      w.place
    from unnest(event_ids, endpoint_ids) with ordinality as w (event_id, endpoint_id, place)
    cross join lateral (select id, send_at, created_at, priority from posthorn.outbox where id = w.event_id offset 0) as o
    cross join lateral (select lane, ordered from posthorn.endpoints where id = w.endpoint_id offset 0) as e
  ),
  missing as materialized (
    select w.*, row_number() over (order by w.place) - 1 as turn
    from wanted as w
    where not exists (select from posthorn.queue as q where q.webhook_id = w.webhook_id)
      and not exists (select from posthorn.outcomes as f where f.webhook_id = w.webhook_id)
  ),
  inserted as (
    insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
    select
      m.webhook_id,
      m.event_id,
      m.lane,
      m.priority,
      case
        when m.ordered then m.send_at
        else greatest(m.send_at, clock_timestamp(), add_webhooks.due_from + m.turn * add_webhooks.spacing)
      end
    from missing as m
    order by m.place
    on conflict (webhook_id) do nothing
    returning webhook_id
  )
  select coalesce(array_agg(webhook_id), '{}') into added from inserted;
  -- A webhook can have ended since this statement began: its row was in the queue then, and the insert waited for its
  -- deletion. This statement sees how it ended.
  with over as (
    delete from posthorn.queue as q
    where q.webhook_id = any (added)
      and exists (select from posthorn.outcomes as f where f.webhook_id = q.webhook_id)
    returning q.webhook_id
  )
  select count(*) into ended from over;
  return cardinality(added) - ended;
end
$function$
;
revoke execute on function posthorn.add_webhooks(uuid[],uuid[],smallint,timestamp with time zone,interval) from public;

CREATE OR REPLACE FUNCTION posthorn.begin_catch_up(endpoint_id uuid, since timestamp with time zone, by_present_subscriptions boolean, rate_limit_per_s double precision DEFAULT 100)
 RETURNS uuid
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    insert into posthorn.catch_ups as c (endpoint_id, since, by_present_subscriptions, rate_limit_per_s, walked_to)
    values (
      begin_catch_up.endpoint_id,
      begin_catch_up.since,
      begin_catch_up.by_present_subscriptions,
      begin_catch_up.rate_limit_per_s,
      posthorn.uuid_floor(begin_catch_up.since))
    on conflict (endpoint_id) where status = 'running' do update
      set since = least(c.since, excluded.since),
        by_present_subscriptions = c.by_present_subscriptions or excluded.by_present_subscriptions,
        rate_limit_per_s = excluded.rate_limit_per_s,
        awaited = null,
        -- From the start: transactions that it has waited for may have committed since it read their part.
        walked_to = posthorn.uuid_floor(least(c.since, excluded.since))
    returning c.id
  $function$
;
revoke execute on function posthorn.begin_catch_up(uuid,timestamp with time zone,boolean,double precision) from public;

CREATE OR REPLACE FUNCTION posthorn.cancel(webhook_id uuid)
 RETURNS boolean
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ select posthorn.cancel_many(array[cancel.webhook_id]) = 1 $function$
;
revoke execute on function posthorn.cancel(uuid) from public;

CREATE OR REPLACE FUNCTION posthorn.cancel_catch_up(endpoint_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
begin
  -- The endpoint first, in the order of the triggers.
  perform from posthorn.endpoints as e where e.id = cancel_catch_up.endpoint_id for no key update;
  update posthorn.catch_ups as c
  set status = 'cancelled', finished_at = clock_timestamp()
  where c.endpoint_id = cancel_catch_up.endpoint_id and c.status = 'running';
  if not found then
    return false;
  end if;
  update posthorn.endpoints as e set catching_up = false where e.id = cancel_catch_up.endpoint_id and e.catching_up;
  return true;
end
$function$
;
revoke execute on function posthorn.cancel_catch_up(uuid) from public;

CREATE OR REPLACE FUNCTION posthorn.cancel_many(webhook_ids uuid[])
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
declare
  locked constant uuid[] := array(
    select q.webhook_id
    from (select distinct id from unnest(cancel_many.webhook_ids) as id order by id) as wanted
    cross join lateral (
      select webhook_id
      from posthorn.queue
      where webhook_id = wanted.id
        and (lease_until is null or lease_until < now())
      offset 0
      for update
    ) as q);
  cancelled bigint;
begin
  with waiting as materialized (
    select q.*
    from unnest(locked) as wanted (id)
    cross join lateral (
      select webhook_id, outbox_id, lane, attempts, past_attempts
      from posthorn.queue
      where webhook_id = wanted.id
      offset 0
    ) as q
  ), ended as (
    delete from posthorn.queue
    where webhook_id = any (array(select webhook_id from waiting))
  ), recorded as (
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason)
    select w.webhook_id, w.outbox_id, w.lane, 'cancelled', w.attempts, 'cancelled'
    from waiting as w
    returning 1
  ), closed as (
    -- The attempt of an expired lease. Nothing else closes it if its worker dies; if the worker lives, its result
    -- replaces this one.
    update posthorn.attempts as a
    set
      finished_at = clock_timestamp(),
      error = 'abandoned',
      error_message = 'The webhook was cancelled after the lease had run out'
    where a.webhook_id = any (array(select webhook_id from waiting where attempts > 0))
      and a.finished_at is null
  ), heads as materialized (
    select w.webhook_id, r.lane
    from waiting as w
    cross join lateral (
      select lane from posthorn.lane_rules where lane = w.lane and retry_of = w.webhook_id offset 0
    ) as r
  ), listed_heads as materialized (
    select array_agg(webhook_id order by webhook_id) as webhook_ids from heads
  ), freed as (
    update posthorn.lane_rules as r
    set retry_at = null, retry_of = null
    where r.lane = any (array(select rule.lane from heads as rule))
      -- Checks, by binary search, that it is still the same webhook now that the lock is held.
      and r.retry_of = (select webhook_ids from listed_heads)[width_bucket(r.retry_of, (select webhook_ids from listed_heads))]
    returning r.lane
  )
  select count(*)
  into cancelled
  from recorded
  where coalesce((select bool_and(pg_notify('posthorn_wake', 'rules:' || lane) is not null) from freed), true);
  return cancelled;
end
$function$
;
revoke execute on function posthorn.cancel_many(uuid[]) from public;

CREATE OR REPLACE FUNCTION posthorn.catch_up(endpoint_id uuid, since timestamp with time zone, dry_run boolean DEFAULT false, rate_limit_per_s double precision DEFAULT 100)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  total bigint := 0;
  began constant timestamptz := clock_timestamp();
  page record;
  walked_to uuid;
begin
  if not exists (select from posthorn.endpoints as e where e.id = catch_up.endpoint_id and e.status <> 'deleted') then
    raise foreign_key_violation using
      constraint = 'catch_ups_endpoint_is_registered', schema = 'posthorn', table = 'catch_ups', column = 'endpoint_id',
      message = 'insert or update on table "catch_ups" violates foreign key constraint "catch_ups_endpoint_is_registered"',
      detail = format('Key (endpoint_id)=(%s) is not present in table "endpoints".', catch_up.endpoint_id);
  end if;
  if catch_up.since is null or not isfinite(catch_up.since) then
    raise check_violation using
      constraint = 'catch_ups_since_is_finite', schema = 'posthorn', table = 'catch_ups', column = 'since',
      message = 'new row for relation "catch_ups" violates check constraint "catch_ups_since_is_finite"',
      detail = 'The time from which an endpoint catches up must be finite and not null.';
  end if;
  walked_to := posthorn.uuid_floor(catch_up.since);
  loop
    select m.* into page
    from posthorn.missed_events(catch_up.endpoint_id, walked_to, 'ffffffff-ffff-ffff-ffff-ffffffffffff', true, 5000, 5000) as m;
    total := total + cardinality(page.event_ids);
    walked_to := page.walked_to;
    exit when walked_to is null or clock_timestamp() - began > interval '3 seconds';
  end loop;
  if not dry_run then
    perform from posthorn.endpoints as e where e.id = catch_up.endpoint_id and e.status <> 'deleted' for update;
    update posthorn.endpoints as e set catching_up = true where e.id = catch_up.endpoint_id and not e.catching_up;
    perform posthorn.begin_catch_up(catch_up.endpoint_id, catch_up.since, true, catch_up.rate_limit_per_s);
  end if;
  return total;
end
$function$
;
revoke execute on function posthorn.catch_up(uuid,timestamp with time zone,boolean,double precision) from public;

CREATE OR REPLACE FUNCTION posthorn.check_in(environment text)
 RETURNS TABLE(kind text, reason text, since timestamp with time zone)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if not exists (
    select
    from posthorn.identity as i
    where i.recorded_at is not null and (i.environment is not null or check_in.environment = '')
  ) then
    insert into posthorn.identity as i (system_identifier, database_oid, environment, recorded_at)
    select posthorn.system_identifier(), d.oid, nullif(check_in.environment, ''), clock_timestamp()
    from pg_database as d
    where d.datname = current_database()
    on conflict (is_only) do update
      set
        system_identifier = excluded.system_identifier,
        database_oid = excluded.database_oid,
        environment = excluded.environment,
        recorded_at = excluded.recorded_at
      where i.recorded_at is null
        -- The environment has been named since. A copy does not name the original's environment.
        or i.environment is null
          and i.database_oid = excluded.database_oid
          and i.system_identifier is not distinct from excluded.system_identifier;
  end if;
  return query select h.kind, h.reason, h.since from posthorn.held(check_in.environment) as h;
end
$function$
;
revoke execute on function posthorn.check_in(text) from public;

CREATE OR REPLACE FUNCTION posthorn.continue_catch_up(id uuid, walk integer, most integer, OUT status posthorn.catch_up_status, OUT webhooks integer, OUT is_waiting boolean)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  work posthorn.catch_ups;
  endpoint record;
  -- An ordered endpoint is held meanwhile and then sends at its own pace.
  rate double precision;
  page record;
  running text[];
  prepared text[];
  started constant timestamptz := clock_timestamp();
begin
  -- Nothing is added to a day that is dropped.
  perform pg_advisory_xact_lock_shared(1886352244, 0);
  -- The endpoint first, in the order of the triggers.
  select e.ordered, e.status in ('active', 'paused') as is_open
  into endpoint
  from posthorn.endpoints as e
  where e.id = (select c.endpoint_id from posthorn.catch_ups as c where c.id = continue_catch_up.id)
  for no key update;
  select c.* into work from posthorn.catch_ups as c where c.id = continue_catch_up.id and c.status = 'running' for update;
  if not found then
    return;
  end if;
  status := 'running';
  webhooks := 0;
  is_waiting := not endpoint.is_open;
  if is_waiting then
    update posthorn.catch_ups as c set moved_at = started where c.id = work.id;
    return;
  end if;
  running := array(
    select l.virtualxid
    from pg_locks as l
    join pg_stat_activity as a on a.pid = l.pid
    where l.locktype = 'virtualxid'
      and l.granted
      and l.pid <> pg_backend_pid()
      and a.datid = (select d.oid from pg_database as d where d.datname = current_database())
      -- Autovacuum, which publishes nothing, has no user. The kind of process is hidden from an owner who may not see all
      -- statistics.
      and a.usesysid is not null);
  -- A prepared transaction has left its session. Read second, so that one that is prepared meanwhile is in one of the two.
  prepared := array(
    select 'prepared ' || x.transaction::text from pg_prepared_xacts as x where x.database = current_database());
  running := running || prepared;
  work.awaited := coalesce(work.awaited, running);
  rate := case when not endpoint.ordered then work.rate_limit_per_s end;

  select m.*
  into page
  from posthorn.missed_events(
    work.endpoint_id, work.walked_to, 'ffffffff-ffff-ffff-ffff-ffffffffffff', work.by_present_subscriptions,
    continue_catch_up.walk, continue_catch_up.most) as m;
  work.read_count := work.read_count + page.walked;
  if cardinality(page.event_ids) > 0 then
    webhooks := posthorn.add_webhooks(
      page.event_ids,
      array_fill(work.endpoint_id, array[cardinality(page.event_ids)]),
      priority => 2::smallint,
      due_from => greatest(started, work.paced_until),
      spacing => coalesce(interval '1 second' / rate, '0'));
    work.paced_until := greatest(started, work.paced_until) + webhooks * (interval '1 second' / rate);
  end if;

  if page.walked_to is not null then
    work.walked_to := page.walked_to;
  elsif work.awaited = '{}' then
    status := 'finished';
  elsif work.awaited && running then
    is_waiting := true;
  elsif cardinality(prepared) > 0
    and exists (select from unnest(work.awaited) as t (name) where not starts_with(t.name, 'prepared '))
  then
    -- They may be the ones that have left their sessions.
    work.awaited := prepared;
    is_waiting := true;
  else
    work.awaited := '{}';
    work.walked_to := posthorn.uuid_floor(work.since);
  end if;
  update posthorn.catch_ups as c
  set
    status = continue_catch_up.status,
    awaited = work.awaited,
    walked_to = work.walked_to,
    read_count = work.read_count,
    webhooks = c.webhooks + continue_catch_up.webhooks,
    paced_until = work.paced_until,
    moved_at = started,
    finished_at = case when continue_catch_up.status = 'finished' then clock_timestamp() end
  where c.id = work.id;
  if status = 'finished' then
    update posthorn.endpoints as e set catching_up = false where e.id = work.endpoint_id and e.catching_up;
  end if;
  if webhooks > 0 then
    -- Webhooks of an ordered endpoint are due since long before.
    perform pg_notify('posthorn_wake', 'scan');
  end if;
end
$function$
;
revoke execute on function posthorn.continue_catch_up(uuid,integer,integer) from public;

CREATE OR REPLACE FUNCTION posthorn.days_without_partition()
 RETURNS SETOF date
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    with recursive stranded as (
      select first.id
      from (
        select posthorn.uuid_floor(whole_from::timestamp at time zone 'UTC') as id from posthorn.history
      ) as oldest
      cross join lateral (
        select least(
          (select id from posthorn.outbox_default where id >= oldest.id order by id limit 1),
          (select webhook_id from posthorn.attempts_default where webhook_id >= oldest.id order by webhook_id limit 1),
          (select webhook_id from posthorn.outcomes_default where webhook_id >= oldest.id order by webhook_id limit 1)) as id
      ) as first
      union all
      select later.id
      from stranded
      cross join lateral (
        select posthorn.uuid_floor(
          date_trunc('day', posthorn.uuid_time(stranded.id), 'UTC') + interval '24 hours') as id
      ) as next_day
      cross join lateral (
        select least(
          (select id from posthorn.outbox_default where id >= next_day.id order by id limit 1),
          (select webhook_id from posthorn.attempts_default where webhook_id >= next_day.id order by webhook_id limit 1),
          (select webhook_id from posthorn.outcomes_default where webhook_id >= next_day.id order by webhook_id limit 1)) as id
      ) as later
      -- After the last day that a UUID can express there is no next id.
      where next_day.id > stranded.id
    )
    select (posthorn.uuid_time(id) at time zone 'UTC')::date as day
    from stranded
    where id is not null
    order by day
  $function$
;
revoke execute on function posthorn.days_without_partition() from public;

CREATE OR REPLACE FUNCTION posthorn.drop_partitions(day date)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
declare
  most_kept constant integer := 10000;
  most_bytes constant integer := 64 * 1048576;
  suffix constant text := to_char(day, '_YYYYMMDD');
  lower_bound constant uuid := posthorn.uuid_floor(day::timestamp at time zone 'UTC');
  upper_bound constant uuid := posthorn.uuid_floor((day + 1)::timestamp at time zone 'UTC');
  parents constant text[] := array['attempts', 'outcomes', 'outbox'];
  parent text;
  kept uuid[];
  kept_outbox uuid[];
  bytes bigint;
begin
  perform pg_advisory_xact_lock(1886352244, 0);
  -- put_back() and take_back() share this lock, so that they move nothing of the day into or out of the queue.
  perform pg_advisory_xact_lock(1886352244, -4);
  -- Searched before any table is locked. The last query reads the whole queue.
  kept := array(
    select webhook_id from posthorn.queue where webhook_id >= lower_bound and webhook_id < upper_bound limit most_kept + 1);
  if cardinality(kept) > most_kept
    or exists (
      select
      from posthorn.queue
      where outbox_id >= lower_bound
        and outbox_id < upper_bound
        and (webhook_id < lower_bound or webhook_id >= upper_bound)
    )
  then
    return false;
  end if;
  -- Its webhooks are still to be added.
  if exists (select from posthorn.fan_outs as f where f.event_id >= lower_bound and f.event_id < upper_bound) then
    return false;
  end if;
  kept_outbox := array(select distinct q.outbox_id from posthorn.queue as q where q.webhook_id = any (kept));
  select
    coalesce((select sum(pg_column_size(o.body)) from posthorn.outbox as o where o.id = any (kept_outbox)), 0)
      + coalesce((select sum(pg_column_size(a.response_body)) from posthorn.attempts as a where a.webhook_id = any (kept)), 0)
  into bytes;
  if bytes > most_bytes then
    return false;
  end if;
  -- DROP locks the parent after the partition, and a claim locks them the other way round. Locking the parents first
  -- avoids deadlocks.
  lock table only posthorn.outbox, only posthorn.attempts, only posthorn.outcomes in access exclusive mode;
  kept := array(
    select webhook_id from posthorn.queue where webhook_id >= lower_bound and webhook_id < upper_bound limit most_kept + 1);
  -- More came: it is today.
  if cardinality(kept) > most_kept then
    return false;
  end if;
  -- Several webhooks can share an event.
  kept_outbox := array(select distinct q.outbox_id from posthorn.queue as q where q.webhook_id = any (kept));
  foreach parent in array parents loop
    continue when to_regclass(format('posthorn.%I', parent || suffix)) is null;
    if cardinality(kept) > 0 then
      -- Only after this does the default partition accept rows of the day.
      execute format('alter table posthorn.%I detach partition posthorn.%I', parent, parent || suffix);
      execute format('insert into posthorn.%I select * from posthorn.%I where %I = any ($1)',
        parent || '_default', parent || suffix, case parent when 'outbox' then 'id' else 'webhook_id' end)
      using case parent when 'outbox' then kept_outbox else kept end;
    end if;
    execute format('drop table posthorn.%I', parent || suffix);
  end loop;
  -- Rows of today, yesterday and tomorrow may still arrive.
  if day < (now() at time zone 'UTC')::date - 1 then
    delete from posthorn.unmatched_events where event_id < upper_bound;
    update posthorn.history set whole_from = day + 1 where whole_from <= day;
  end if;
  return true;
end
$function$
;
revoke execute on function posthorn.drop_partitions(date) from public;

CREATE OR REPLACE FUNCTION posthorn.endpoint_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if old.status = 'deleted' then
    raise check_violation using
      constraint = 'endpoints_deleted_is_final', schema = 'posthorn', table = 'endpoints', column = 'status',
      message = 'new row for relation "endpoints" violates check constraint "endpoints_deleted_is_final"',
      detail = 'The endpoint was deleted and cannot be changed.';
  end if;
  if (
      new.gone_answers = old.gone_answers
      and coalesce(current_setting('posthorn.is_sealing', true), '') <> 'on'
      and coalesce(current_setting('posthorn.is_subscribing', true), '') <> 'on'
    )
    or new.status <> old.status
  then
    new.updated_at := clock_timestamp();
  end if;
  if new.tenant <> old.tenant and coalesce(current_setting('posthorn.is_renaming', true), '') <> 'on' then
    raise check_violation using
      constraint = 'endpoints_tenant_is_fixed', schema = 'posthorn', table = 'endpoints', column = 'tenant',
      message = 'new row for relation "endpoints" violates check constraint "endpoints_tenant_is_fixed"',
      detail = 'The tenant of an endpoint cannot be changed.',
      hint = 'posthorn.rename_tenant() gives all endpoints of a tenant to another.';
  end if;
  if new.status <> old.status then
    new.status_since := clock_timestamp();
    if old.status = 'disabled' and new.status in ('active', 'paused') then
      if coalesce(current_setting('posthorn.catch_up', true), '') <> 'off' then
        new.catching_up := new.catching_up
          or exists (select from posthorn.subscriptions as s where s.endpoint_id = new.id and s.ended_at is null);
      elsif new.catching_up then
        -- endpoint_to_subscriptions() cancels the others.
        new.catching_up := exists (
          select
          from posthorn.catch_ups as c
          where c.endpoint_id = new.id and c.status = 'running' and c.by_present_subscriptions);
      end if;
    end if;
    if new.status = 'active' then
      new.status_reason := null;
      new.gone_answers := 0;
    elsif new.status_reason is not distinct from old.status_reason then
      new.status_reason := 'by_request';
    end if;
  end if;
  if new.status = 'deleted' then
    new.secret := null;
    new.former_secrets := null;
    new.public_key := null;
    new.headers := null;
    new.catching_up := false;
  end if;
  return new;
end
$function$
;
revoke execute on function posthorn.endpoint_changes() from public;

CREATE OR REPLACE FUNCTION posthorn.endpoint_keeps_rules()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  broken text;
  headers jsonb := case when jsonb_typeof(new.headers) = 'object' then new.headers end;
begin
  broken := case
    when new.id is null then 'endpoints_id_is_given'
    when get_byte(uuid_send(new.id), 6) >> 4 <> 7 then 'endpoints_id_is_uuid_v7'
    when new.url is null then 'endpoints_url_is_given'
    when new.tenant is null or octet_length(new.tenant) > 255 or new.tenant ~ '[[:cntrl:]]'
      then 'endpoints_tenant_is_at_most_255_bytes'
    when new.tenant = '*' then 'endpoints_tenant_is_one'
    when num_nulls(
      new.description, new.status, new.status_since, new.ordered, new.gone_answers, new.catching_up, new.created_at,
      new.updated_at) > 0
      then 'endpoints_defaults_are_not_null'
    when octet_length(new.url) > 2048 then 'endpoints_url_is_at_most_2048_bytes'
    when new.url !~* E'^https?://([^[:space:][:cntrl:]/?#@\\\\:]+|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'
      then 'endpoints_url_is_http'
    when octet_length(new.description) > 1024 then 'endpoints_description_is_at_most_1_kib'
    when octet_length(new.secret) not between 1 and case when left(new.secret, 7) = 'sealed:' then 1024 else 512 end
      then 'endpoints_secret_is_1_to_512_bytes'
    -- Standard Webhooks: 24 to 64 bytes of key in base64.
    when new.secret ~ '^whsec_'
      and new.secret !~ '^whsec_([A-Za-z0-9+/]{4}){8,21}([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$'
      then 'endpoints_secret_is_base64_after_whsec'
    when left(new.secret, 7) = 'sealed:' and new.secret !~ '^sealed:v1:[A-Za-z0-9._-]{1,32}:[A-Za-z0-9+/]{38,}={0,2}$'
      then 'endpoints_secret_is_not_like_sealed'
    -- Standard Webhooks: 32 bytes of seed and 32 of public key in base64.
    when new.secret ~ '^whsk_' and new.secret !~ '^whsk_[A-Za-z0-9+/]{86}==$'
      then 'endpoints_secret_is_ed25519_after_whsk'
    when new.public_key !~ '^whpk_[A-Za-z0-9+/]{43}=$' then 'endpoints_public_key_is_ed25519'
    when new.former_secrets is not null
      and case
        when jsonb_typeof(new.former_secrets) = 'array' then jsonb_array_length(new.former_secrets) not between 1 and 2
        else true
      end
      then 'endpoints_former_secrets_are_at_most_2'
    when new.max_in_flight not between 1 and 10000 then 'endpoints_max_in_flight_is_1_to_10000'
    when new.rate_limit_per_s not between 0.001 and 10000 then 'endpoints_rate_limit_per_s_is_0_001_to_10000'
    -- A lease lasts longer than any request can.
    when new.timeout_ms not between 100 and 60000 then 'endpoints_timeout_ms_is_100_to_60000'
    when coalesce(array_ndims(new.retry_schedule_s), 1) <> 1
      or cardinality(new.retry_schedule_s) > 99
      or array_position(new.retry_schedule_s, null) is not null
      or not (0 <= all (new.retry_schedule_s))
      or not (2592000 >= all (new.retry_schedule_s))
      then 'endpoints_retry_schedule_s_is_0_to_99_delays_of_at_most_30_days'
    when new.headers is null then null
    when headers is null and (new.headers #>> '{}') !~ '^sealed:v1:[A-Za-z0-9._-]{1,32}:[A-Za-z0-9+/]{38,}={0,2}$'
      or jsonb_typeof(new.headers) not in ('object', 'string')
      then 'endpoints_headers_is_object'
    when octet_length(new.headers::text) > case when headers is null then 12288 else 8192 end
      then 'endpoints_headers_are_at_most_8_kib'
    when jsonb_path_exists(headers, 'strict $.* ? (@.type() != "string")') then 'endpoints_headers_values_are_strings'
    when jsonb_path_exists(headers, '$.* ? (@ like_regex "[^ -~]" flag "s")')
      then 'endpoints_headers_values_are_printable_ascii'
    when jsonb_path_exists(
      headers, '$.keyvalue() ? (!(@.key like_regex "^[-!#$%&''*+.^_`|~0-9A-Za-z]{1,128}$" flag "s"))')
      then 'endpoints_headers_names_are_tokens'
    when headers is not null and not posthorn.header_names_are_unique(headers) then 'endpoints_headers_names_are_unique'
    when posthorn.names_reserved_header(headers) then 'endpoints_headers_names_are_not_reserved'
  end;
  if broken is null then
    return new;
  end if;
  raise check_violation using
    constraint = broken, schema = 'posthorn', table = 'endpoints',
    message = format('new row for relation "endpoints" violates check constraint "%s"', broken),
    detail = 'The values of the row are not shown, because they may be secret.',
    hint = case
      when broken in ('endpoints_id_is_given', 'endpoints_id_is_uuid_v7') then 'Leave id out: it has a default.'
      when broken = 'endpoints_defaults_are_not_null' then 'Leave the columns out: they have defaults.'
      when broken = 'endpoints_headers_is_object'
        then 'Give a JSON object such as {"X-Shop": "a"}, as jsonb and not as a JSON string; NULL means no headers.'
      when broken = 'endpoints_headers_values_are_strings' then 'Write a number as a string: {"X-Count": "1"}.'
      else 'docs/endpoints.md has the settings of an endpoint.'
    end;
end
$function$
;
revoke execute on function posthorn.endpoint_keeps_rules() from public;

CREATE OR REPLACE FUNCTION posthorn.endpoint_public_key()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  new.public_key := case
    when new.secret ~ '^whsk_[A-Za-z0-9+/]{86}==$'
    then 'whpk_' || encode(substring(decode(substr(new.secret, 6), 'base64') from 33), 'base64')
  end;
  return new;
end
$function$
;
revoke execute on function posthorn.endpoint_public_key() from public;

CREATE OR REPLACE FUNCTION posthorn.endpoint_to_lane_rule()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  has_moved boolean;
  is_enabled boolean;
  away bigint;
  waits_until timestamptz;
  waiting_id uuid;
  is_held boolean;
begin
  if tg_op = 'DELETE' then
    delete from posthorn.lane_rules where lane = old.lane;
    return null;
  end if;
  if tg_op = 'UPDATE' and old.ordered and not new.ordered and new.status <> 'deleted' then
    -- The lane waits for the retry of its first webhook. From now on only that webhook waits, for the same time. The
    -- rule is locked first, so that no retry is recorded in between; a webhook that is locked is being cancelled or
    -- retried.
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
  is_held := new.status <> 'active' or (new.ordered and new.catching_up);
  if new.status = 'deleted'
    or (new.status = 'active' and num_nonnulls(new.max_in_flight, new.rate_limit_per_s) = 0 and not new.ordered)
  then
    delete from posthorn.lane_rules where lane = new.lane;
  else
    insert into posthorn.lane_rules as r (lane, is_held, is_ordered, max_in_flight, rate_limit_per_s)
    values (new.lane, is_held, new.ordered, new.max_in_flight, new.rate_limit_per_s)
    on conflict (lane) do update
      set is_held = excluded.is_held,
        is_ordered = excluded.is_ordered,
        max_in_flight = excluded.max_in_flight,
        rate_limit_per_s = excluded.rate_limit_per_s,
        retry_at = case when excluded.is_ordered then r.retry_at end,
        retry_of = case when excluded.is_ordered then r.retry_of end;
  end if;
  if tg_op = 'UPDATE' then
    -- Its URL leads elsewhere now: what was counted and asked for there says nothing about the new place.
    has_moved := new.origin is distinct from old.origin;
    if has_moved or (new.status <> old.status and (new.status = 'deleted' or old.status = 'disabled')) then
      -- Whoever enables an endpoint says that it can be reached: with the breaker of its origin open for days, it would be
      -- disabled again.
      is_enabled := old.status = 'disabled' and new.status not in ('disabled', 'deleted');
      with gone as (
        delete from posthorn.breakers
        where key = any (array[new.lane, case when is_enabled then new.origin end])
          and (key = new.lane or state = 'open')
        returning key
      )
      select key into away from gone where key <> new.lane;
      if away is not null then
        perform pg_notify('posthorn_wake', 'origin:' || away);
      end if;
    end if;
    perform pg_notify(
      'posthorn_wake',
      case
        when not is_held and (has_moved or old.status <> 'active' or (old.ordered and old.catching_up)) then 'closed:'
        else 'rules:'
      end || new.lane);
  end if;
  return null;
end
$function$
;
revoke execute on function posthorn.endpoint_to_lane_rule() from public;

CREATE OR REPLACE FUNCTION posthorn.endpoint_to_subscriptions()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  update posthorn.subscriptions as s
  set
    is_live = new.status in ('active', 'paused'),
    is_ordered = new.ordered,
    ended_at = case when new.status = 'deleted' then clock_timestamp() end
  where s.endpoint_id = new.id
    and s.ended_at is null
    and ((s.is_live, s.is_ordered) is distinct from (new.status in ('active', 'paused'), new.ordered) or new.status = 'deleted');
  if new.status = 'deleted' then
    update posthorn.catch_ups
    set status = 'cancelled', finished_at = clock_timestamp()
    where endpoint_id = new.id and status = 'running';
  elsif old.status <> 'disabled' or new.status = 'disabled' then
    return null;
  elsif current_setting('posthorn.catch_up', true) = 'off' then
    update posthorn.catch_ups
    set status = 'cancelled', finished_at = clock_timestamp()
    where endpoint_id = new.id and status = 'running' and not by_present_subscriptions;
  elsif new.catching_up then
    -- Some time before, in case a clock was set back.
    perform posthorn.begin_catch_up(new.id, old.status_since - interval '1 minute', false);
  end if;
  return null;
end
$function$
;
revoke execute on function posthorn.endpoint_to_subscriptions() from public;

CREATE OR REPLACE FUNCTION posthorn.enqueue(url text DEFAULT NULL::text, body jsonb DEFAULT NULL::jsonb, headers jsonb DEFAULT NULL::jsonb, secret text DEFAULT NULL::text, content_type text DEFAULT 'application/json'::text, priority text DEFAULT 'normal'::text, send_at timestamp with time zone DEFAULT NULL::timestamp with time zone, max_attempts integer DEFAULT NULL::integer, idempotency_key text DEFAULT NULL::text, traceparent text DEFAULT NULL::text, endpoint_id uuid DEFAULT NULL::uuid, tenant text DEFAULT ''::text)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return posthorn.enqueue(
    url, body::text, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key, traceparent, endpoint_id,
    tenant);
end
$function$
;
revoke execute on function posthorn.enqueue(text,jsonb,jsonb,text,text,text,timestamp with time zone,integer,text,text,uuid,text) from public;

CREATE OR REPLACE FUNCTION posthorn.enqueue(url text DEFAULT NULL::text, body text DEFAULT NULL::text, headers jsonb DEFAULT NULL::jsonb, secret text DEFAULT NULL::text, content_type text DEFAULT 'application/json'::text, priority text DEFAULT 'normal'::text, send_at timestamp with time zone DEFAULT NULL::timestamp with time zone, max_attempts integer DEFAULT NULL::integer, idempotency_key text DEFAULT NULL::text, traceparent text DEFAULT NULL::text, endpoint_id uuid DEFAULT NULL::uuid, tenant text DEFAULT ''::text)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  new_id uuid := posthorn.uuid_v7();
  known_id uuid;
begin
  if enqueue.idempotency_key is not null then
    known_id := posthorn.use_idempotency_key(coalesce(enqueue.tenant, ''), enqueue.idempotency_key, new_id);
    if known_id <> new_id then
      return known_id;
    end if;
  end if;

  insert into posthorn.outbox
    (id, url, endpoint_id, tenant, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key,
      traceparent)
  values (
    new_id,
    enqueue.url,
    enqueue.endpoint_id,
    coalesce(enqueue.tenant, ''),
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
$function$
;
revoke execute on function posthorn.enqueue(text,text,jsonb,text,text,text,timestamp with time zone,integer,text,text,uuid,text) from public;

CREATE OR REPLACE FUNCTION posthorn.enqueue_missed(webhook_ids uuid[])
 RETURNS SETOF uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
begin
  -- One call at a time, and no webhook is put back meanwhile, because another call's webhooks may have been sent since.
  perform pg_advisory_xact_lock(1886352244, -4);
  insert into posthorn.idempotency_keys (tenant, key, outbox_id, expires_at)
  select o.tenant, o.idempotency_key, o.id, o.created_at + interval '7 days'
  from posthorn.outbox as o
  where o.id = any (webhook_ids)
    and o.idempotency_key is not null
    and o.created_at > now() - interval '7 days'
  order by o.tenant, o.idempotency_key
  on conflict (tenant, key) do nothing;
  -- The events of that time are fanned out to those who have subscribed now.
  return query
  insert into posthorn.fan_outs (event_id)
  select o.id
  from posthorn.outbox as o
  where o.id = any (webhook_ids)
    and o.event_type is not null
  order by o.id
  on conflict (event_id) do nothing
  returning event_id;
  return query
  insert into posthorn.queue (webhook_id, outbox_id, lane, origin, tenant_key, priority, due_at)
  select
    o.id,
    o.id,
    case when o.endpoint_id is null then posthorn.lane_of(o.url) else posthorn.lane_of(o.endpoint_id) end,
    posthorn.origin_of(o.url),
    case when o.url is not null then posthorn.tenant_key(o.tenant) end,
    case
      when (select e.ordered from posthorn.endpoints as e where e.id = o.endpoint_id) then 1
      else posthorn.priority_of(o.priority)
    end,
    greatest(o.send_at, clock_timestamp())
  from posthorn.outbox as o
  where o.id = any (webhook_ids)
    and o.event_type is null
    and not exists (select from posthorn.outcomes as e where e.webhook_id = o.id)
  order by o.id
  on conflict (webhook_id) do nothing
  returning webhook_id;
  perform pg_notify('posthorn_wake', 'scan');
end
$function$
;
revoke execute on function posthorn.enqueue_missed(uuid[]) from public;

CREATE OR REPLACE FUNCTION posthorn.explain_event(event_id uuid)
 RETURNS TABLE(tenant text, endpoint_id uuid, url text, webhook_id uuid, status posthorn.webhook_status, attempts integer, last_status_code integer, last_error text, why text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
    with event as materialized (
      select
        o.id,
        o.tenant,
        o.created_at,
        posthorn.type_and_above(o.event_type) as types,
        exists (select from posthorn.fan_outs as f where f.event_id = o.id) as is_fanned_out,
        o.id < (select posthorn.history_floor()) as is_dropped
      from posthorn.outbox as o
      where o.id = explain_event.event_id
        and o.event_type is not null
    ),
    -- Read only if a filter asks for it.
    body as materialized (
      select posthorn.json_of(o.body) as json from posthorn.outbox as o where o.id = explain_event.event_id
    ),
    added as materialized (
      select q.webhook_id, q.lane
      from posthorn.queue as q
      where q.webhook_id between posthorn.first_webhook_id(explain_event.event_id)
          and posthorn.last_webhook_id(explain_event.event_id)
        and q.outbox_id = explain_event.event_id
      union all
      select f.webhook_id, f.lane
      from posthorn.outcomes as f
      where f.webhook_id between posthorn.first_webhook_id(explain_event.event_id)
          and posthorn.last_webhook_id(explain_event.event_id)
        and f.outbox_id = explain_event.event_id
    ),
    endpoints as materialized (
      select e.id
      from event as v
      cross join posthorn.endpoints as e
      where v.tenant <> '*'
        and e.tenant = v.tenant
        and e.status <> 'deleted'
      union
      select e.id
      from event as v
      cross join posthorn.endpoints as e
      where v.tenant = '*'
        and e.status <> 'deleted'
      union
      select e.id
      from event as v
      cross join added as a
      join posthorn.endpoints as e on e.lane = a.lane
    )
    select
      e.tenant,
      e.id,
      split_part(e.url, '?', 1),
      w.id,
      w.status,
      w.attempts,
      w.last_status_code,
      w.last_error,
      case
        when w.id is not null then coalesce(w.reason, w.waits_for)
        when v.is_dropped then 'history_dropped'
        when s.id is null then 'no_subscription'
        when not s.was_made then 'subscribed_later'
        when s.had_ended then 'subscription_ended'
        when not s.fits then 'filter_is_false'
        when s.fits is null and (select json from body) is null then 'body_is_not_json'
        when s.fits is null then 'filter_has_no_answer'
        when v.is_fanned_out then 'being_added'
        when s.is_over then 'subscription_ended'
        when e.status = 'disabled' then 'disabled'
        when e.catching_up then 'catching_up'
        else 'not_added'
      end
    from event as v
    cross join endpoints as n
    cross join lateral (
      select p.id, p.tenant, p.url, p.status, p.catching_up from posthorn.endpoints as p where p.id = n.id offset 0
    ) as e
    left join lateral (
      select h.id, h.status, h.attempts, h.last_status_code, h.last_error, h.reason, h.waits_for
      from posthorn.webhooks as h
      where h.id = posthorn.webhook_id(v.id, e.id)
      offset 0
    ) as w on true
    left join lateral (
      select m.*
      from (
        select
          c.id,
          c.created_at <= v.created_at as was_made,
          coalesce(c.ended_at <= v.created_at, false) as had_ended,
          c.ended_at is not null as is_over,
          case when c.filter is null then true else (select json from body) @@ c.filter end as fits
        from posthorn.subscriptions as c
        where c.endpoint_id = e.id
          and c.event_type = any (v.types)
      ) as m
      -- The one that was in force, and of several the one that lets the event through.
      order by m.was_made and not m.had_ended desc, m.fits desc nulls last, m.is_over, m.id
      limit 1
    ) as s on true
    order by e.tenant, e.id
  $function$
;
revoke execute on function posthorn.explain_event(uuid) from public;

CREATE OR REPLACE FUNCTION posthorn.fan_out(event_id uuid, most integer, OUT added integer, OUT is_done boolean)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
declare
  work posthorn.fan_outs;
  event record;
  page uuid[];
  receivers uuid[];
begin
  -- Nothing is added to a day that is dropped.
  perform pg_advisory_xact_lock_shared(1886352244, 0);
  select * into work from posthorn.fan_outs as f where f.event_id = fan_out.event_id for update;
  if not found then
    return;
  end if;
  select o.id, o.tenant, o.body, posthorn.type_and_above(o.event_type) as types
  into event
  from posthorn.outbox as o
  where o.id = fan_out.event_id;

  -- Each look-up returns as many endpoints as there is room for, however many subscriptions one has: fewer means that there are no more.
  page := array(
    select distinct next.endpoint_id
    from unnest(event.types) as t (event_type)
    cross join lateral (
      (
        select distinct s.endpoint_id
        from posthorn.subscriptions as s
        where event.tenant <> '*'
          and s.tenant = event.tenant
          and s.event_type = t.event_type
          and s.endpoint_id > work.walked_to
          and s.endpoint_id > '00000000-0000-0000-0000-000000000000'
        order by s.endpoint_id
        limit fan_out.most
      )
      union all
      (
        select distinct s.endpoint_id
        from posthorn.subscriptions as s
        where event.tenant = '*'
          and s.tenant >= ''
          and s.event_type = t.event_type
          and s.endpoint_id > work.walked_to
        order by s.endpoint_id
        limit fan_out.most
      )
    ) as next
    order by next.endpoint_id
    limit fan_out.most
  );

  receivers := array(
    with event_json as materialized (
      select
        case
          when exists (
            select
            from posthorn.subscriptions as s
            where s.endpoint_id = any (page) and s.event_type = any (event.types) and s.filter is not null
          )
          then posthorn.json_of(event.body)
        end as json
    )
    select p.endpoint_id
    from unnest(page) with ordinality as p (endpoint_id, place)
    cross join lateral (
      select
      from posthorn.endpoints as e
      where e.id = p.endpoint_id
        -- What it had for this event when it was disabled after that, it has to be sent later.
        and (e.status in ('active', 'paused') or (e.status = 'disabled' and e.status_since > work.published_at))
      offset 0
    ) as e
    cross join lateral (
      select
      from posthorn.subscriptions as s
      where s.endpoint_id = p.endpoint_id
        and s.event_type = any (event.types)
        -- A snapshot does not list the transaction that took it: what that did later can look visible.
        and case
          when s.created_at < work.published_at - interval '1 day' then true
          when greatest(s.created_in, work.published_in) > pg_current_xact_id() then s.created_at <= work.published_at
          when s.created_in = work.published_in then s.created_at <= work.published_at
          else pg_visible_in_snapshot(s.created_in, work.seen)
        end
        and case
          when s.ended_at is null then true
          when s.ended_at < work.published_at - interval '1 day' then false
          when greatest(s.ended_in, work.published_in) > pg_current_xact_id() then s.ended_at > work.published_at
          when s.ended_in = work.published_in then s.ended_at > work.published_at
          else not pg_visible_in_snapshot(s.ended_in, work.seen)
        end
        and (s.filter is null or (select json from event_json) @@ s.filter)
      limit 1
    ) as s
    order by p.place
  );

  added := case
    when cardinality(receivers) > 0 then
      posthorn.add_webhooks(array_fill(event.id, array[cardinality(receivers)]), receivers)
    else 0
  end;
  is_done := cardinality(page) < fan_out.most;
  if not is_done then
    update posthorn.fan_outs as f
    set walked_to = page[cardinality(page)], recipients = f.recipients + added, moved_at = clock_timestamp()
    where f.event_id = fan_out.event_id;
  else
    delete from posthorn.fan_outs as f where f.event_id = fan_out.event_id;
    insert into posthorn.unmatched_events (event_id)
    select event.id
    where event.id is not null
      and not exists (
        select
        from posthorn.queue as q
        where q.webhook_id between posthorn.first_webhook_id(event.id) and posthorn.last_webhook_id(event.id)
          and q.outbox_id = event.id
      )
      and not exists (
        select
        from posthorn.outcomes as f
        where f.webhook_id between posthorn.first_webhook_id(event.id) and posthorn.last_webhook_id(event.id)
          and f.outbox_id = event.id
      )
    on conflict do nothing;
  end if;
  -- Guarded as in outbox_to_queue().
  if added > 0 and pg_try_advisory_xact_lock(1886352244, -1) then
    perform pg_notify('posthorn_wake', '');
  end if;
end
$function$
;
revoke execute on function posthorn.fan_out(uuid,integer) from public;

CREATE OR REPLACE FUNCTION posthorn.filter_rule(filter jsonpath)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET standard_conforming_strings TO 'on'
AS $function$
declare
  -- Without what stands between quotes.
  bare constant text := regexp_replace(filter::text, '"([^"\\]|\\.)*"', '""', 'g');
  rest text := bare;
  -- The innermost parentheses: whether they are a condition on the elements of a path, and what they hold.
  inner_part text[];
begin
  if octet_length(filter::text) > 1024 then
    return 'subscriptions_filter_is_at_most_1_kib';
  end if;
  if position('like_regex' in bare) > 0 then
    return 'subscriptions_filter_has_no_like_regex';
  end if;
  if position('**' in bare) > 0 then
    return 'subscriptions_filter_has_no_recursive_wildcard';
  end if;
  if bare ~ '\$""' then
    return 'subscriptions_filter_has_no_variables';
  end if;
  -- Others can fail whatever the body is (.datetime(), .decimal()), write out a number of 130,000 digits (.double()), or
  -- return more than they read (.keyvalue()).
  if bare ~ '\.(?!(type|size)\(\))\w+\(' then
    return 'subscriptions_filter_methods_are_type_and_size';
  end if;
  -- [0, 0] returns each value twice, so that a few of them in a row return millions. A path in the brackets would be read
  -- again for each array.
  if regexp_replace(
    bare, '\[(\*|(last|-?\d+)( - \d+)?( to (last|-?\d+)( - \d+)?)?)\]', '', 'g') ~ '\[' then
    return 'subscriptions_filter_subscripts_are_one_index_or_range';
  end if;
  -- 1e130000 is short, but a sum with it has 130,000 digits.
  if regexp_replace(bare, '\[[^\]]*\]', '', 'g') ~ ' [-+*/%] |[-+] *[$@(]' then
    return 'subscriptions_filter_does_not_calculate';
  end if;
  -- Two paths would be compared pair by pair.
  if exists (
    select
    from regexp_split_to_table(bare, '&&|\|\||\?') as part
    where part ~ '(==|!=|<>|<=|>=|<|>|starts with).*[$@]'
  ) then
    return 'subscriptions_filter_compares_paths_with_values';
  end if;
  -- A path from the root in a condition would be read again for each element.
  loop
    inner_part := regexp_match(rest, '(\??)\(([^()]*)\)');
    exit when inner_part is null;
    if inner_part[1] = '?' and position('$' in inner_part[2]) > 0 then
      return 'subscriptions_filter_conditions_begin_with_at';
    end if;
    rest := regexp_replace(
      rest, '(\??)\([^()]*\)', case when inner_part[1] = '?' then '' else ' ' || inner_part[2] || ' ' end);
  end loop;
  -- Each is read once from the body.
  if length(regexp_replace(bare, '[^$@]', '', 'g')) > 10 then
    return 'subscriptions_filter_has_at_most_10_paths';
  end if;
  -- Each step can be made for each value in the body.
  if (
    select count(*) from regexp_matches(bare, '\[|\.\*|\(|==|!=|<>|<|>|starts with', 'g')
  ) > 60 then
    return 'subscriptions_filter_has_at_most_60_steps';
  end if;
  begin
    perform jsonb_path_match('{}', filter, '{}', false);
  exception
    when data_exception then
      return 'subscriptions_filter_is_a_predicate';
  end;
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION posthorn.first_webhook_id(event_id uuid)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((encode("substring"(uuid_send(event_id), 1, 8), 'hex'::text) || '8000000000000000'::text))::uuid
;

CREATE OR REPLACE FUNCTION posthorn.forget_kept(retention interval, most integer)
 RETURNS integer
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
    with over as materialized (
      select e.webhook_id
      from posthorn.outcomes_default as e
      where e.webhook_id < (select posthorn.history_floor())
        and e.finished_at < now() - forget_kept.retention
      order by e.webhook_id
      limit forget_kept.most
      for update skip locked
    ),
    ended as (
      delete from posthorn.outcomes_default
      where webhook_id = any (array(select webhook_id from over))
      returning outbox_id, webhook_id
    ),
    tried as (
      delete from posthorn.attempts_default
      where webhook_id = any (array(select webhook_id from ended))
    ),
    said as (
      delete from posthorn.outbox_default
      where id = any (array(select outbox_id from ended))
        -- An event stays for its other webhooks.
        and not exists (
          select
          from posthorn.queue as q
          where q.webhook_id between posthorn.first_webhook_id(id) and posthorn.last_webhook_id(id)
            and q.outbox_id = id
        )
        and not exists (
          select
          from posthorn.outcomes_default as e
          where e.webhook_id between posthorn.first_webhook_id(id) and posthorn.last_webhook_id(id)
            and e.outbox_id = id
            and e.webhook_id <> all (array(select webhook_id from ended))
        )
    )
    select count(*)::integer from ended
  $function$
;
revoke execute on function posthorn.forget_kept(interval,integer) from public;

CREATE OR REPLACE FUNCTION posthorn.header_names_are_unique(headers jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT (count(*) = count(DISTINCT lower(name.name)))
    FROM jsonb_object_keys(
         CASE
             WHEN (jsonb_typeof(header_names_are_unique.headers) = 'object'::text) THEN header_names_are_unique.headers
             ELSE '{}'::jsonb
         END) name(name);
END
;

CREATE OR REPLACE FUNCTION posthorn.held(environment text DEFAULT NULL::text)
 RETURNS TABLE(kind text, reason text, since timestamp with time zone)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select found.kind, found.reason, case when found.kind = 'request' then i.held_since end
    from posthorn.identity as i
    cross join (
      select d.oid, posthorn.system_identifier() as system_identifier
      from pg_database as d
      where d.datname = current_database()
    ) as here
    cross join lateral (
      select
        case
          when i.database_oid <> here.oid or i.system_identifier <> here.system_identifier then 'copy'
          when i.environment <> held.environment then 'environment'
          when i.held_since is not null then 'request'
        end as kind
    ) as judged
    cross join lateral (
      select
        judged.kind,
        case judged.kind
          when 'copy' then format(
            'This database is a copy or was moved: webhooks were last sent from database %s of server %s, and this is database %s of server %s',
            i.database_oid, coalesce(i.system_identifier::text, 'unknown'),
            here.oid, coalesce(here.system_identifier::text, 'unknown'))
          when 'environment' then format(
            'This database belongs to the environment %s, and POSTHORN_ENVIRONMENT is %s',
            i.environment, coalesce(nullif(held.environment, ''), 'not set'))
          when 'request' then format('It is held by request: %s', coalesce(i.held_because, 'no reason was given'))
        end as reason
    ) as found
    where found.kind is not null
  $function$
;
revoke execute on function posthorn.held(text) from public;

CREATE OR REPLACE FUNCTION posthorn.history_floor()
 RETURNS uuid
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select posthorn.uuid_floor(
      greatest(h.whole_from, (select min(day) from posthorn.partition_days() as day))::timestamp at time zone 'UTC')
    from posthorn.history as h
  $function$
;
revoke execute on function posthorn.history_floor() from public;

CREATE OR REPLACE FUNCTION posthorn.hold(reason text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    insert into posthorn.identity as i (held_since, held_because)
    values (clock_timestamp(), hold.reason)
    on conflict (is_only) do update
      set held_since = coalesce(i.held_since, excluded.held_since), held_because = excluded.held_because
  $function$
;
revoke execute on function posthorn.hold(text) from public;

CREATE OR REPLACE FUNCTION posthorn.id_to_take(given uuid)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
$function$
;
revoke execute on function posthorn.id_to_take(uuid) from public;

CREATE OR REPLACE FUNCTION posthorn.insert_new_event()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  new_id uuid := case when new.id is null then posthorn.uuid_v7() else posthorn.id_to_take(new.id) end;
  known_id uuid;
begin
  -- An endpoint that is enabled again reads what it has missed by ids, from a minute before it was disabled on. It would pass an
  -- event with an older id. An id that is there already stays, so that it is refused.
  if posthorn.uuid_time(new_id) < clock_timestamp() - interval '30 seconds'
    and not exists (select from posthorn.outbox as o where o.id = new_id)
  then
    new_id := posthorn.uuid_v7();
  end if;

  new.tenant := coalesce(new.tenant, '');
  new.content_type := coalesce(new.content_type, 'application/json');
  new.priority := coalesce(new.priority, 'normal');
  if new.headers in ('null', '[]') then
    new.headers := null;
  end if;

  if new.idempotency_key is not null then
    known_id := posthorn.use_idempotency_key(new.tenant, new.idempotency_key, new_id);
    if known_id is distinct from new_id then
      new.id := coalesce(known_id, new_id);
      new.created_at := posthorn.uuid_time(new.id);
      return new;
    end if;
  end if;

  insert into posthorn.outbox as o
    (id, tenant, event_type, body, headers, content_type, priority, send_at, max_attempts, idempotency_key, traceparent)
  values (
    new_id, new.tenant, new.event_type, new.body, new.headers, new.content_type, new.priority, new.send_at, new.max_attempts,
    new.idempotency_key, new.traceparent)
  returning o.id, o.created_at
  into new.id, new.created_at;
  return new;
end
$function$
;
revoke execute on function posthorn.insert_new_event() from public;

CREATE OR REPLACE FUNCTION posthorn.insert_new_webhook()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  new_id uuid := case when new.id is null then posthorn.uuid_v7() else posthorn.id_to_take(new.id) end;
  known_id uuid;
begin
  new.tenant := coalesce(new.tenant, '');
  new.content_type := coalesce(new.content_type, 'application/json');
  new.priority := coalesce(new.priority, 'normal');
  if new.headers in ('null', '[]') then
    new.headers := null;
  end if;

  if new.idempotency_key is not null then
    known_id := posthorn.use_idempotency_key(new.tenant, new.idempotency_key, new_id);
    if known_id is distinct from new_id then
      new.id := coalesce(known_id, new_id);
      new.created_at := posthorn.uuid_time(new.id);
      return new;
    end if;
  end if;

  insert into posthorn.outbox as o
    (id, url, endpoint_id, tenant, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key,
      traceparent)
  values (
    new_id, new.url, new.endpoint_id, new.tenant, new.body, new.headers, new.secret, new.content_type, new.priority, new.send_at,
    new.max_attempts, new.idempotency_key, new.traceparent)
  returning o.id, o.created_at
  into new.id, new.created_at;
  return new;
end
$function$
;
revoke execute on function posthorn.insert_new_webhook() from public;

CREATE OR REPLACE FUNCTION posthorn.is_dropped(webhook_id uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select coalesce(
      get_byte(uuid_send(is_dropped.webhook_id), 6) >> 4 = 7
        and is_dropped.webhook_id < (select posthorn.history_floor())
        and not exists (select from posthorn.queue as q where q.webhook_id = is_dropped.webhook_id)
        and not exists (select from posthorn.outcomes as e where e.webhook_id = is_dropped.webhook_id),
      false)
  $function$
;
revoke execute on function posthorn.is_dropped(uuid) from public;

CREATE OR REPLACE FUNCTION posthorn.json_of(body text)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return body::jsonb;
exception
  -- Not JSON, a NUL character, a number that is too large, or arrays that are nested too deep.
  when data_exception or program_limit_exceeded or syntax_error_or_access_rule_violation then
    return null;
end
$function$
;

CREATE OR REPLACE FUNCTION posthorn.key_of(name text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((('x'::text || "left"(encode(sha256(decode(replace(name, '\'::text, '\\'::text), 'escape'::text)), 'hex'::text), 16)))::bit(64))::bigint
;

CREATE OR REPLACE FUNCTION posthorn.lane_of(endpoint_id uuid)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((('x'::text || "left"(encode(sha256(('\x656e64706f696e7420'::bytea || uuid_send(endpoint_id))), 'hex'::text), 16)))::bit(64))::bigint
;

CREATE OR REPLACE FUNCTION posthorn.lane_of(url text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN posthorn.key_of(split_part(url, '?'::text, 1))
;

CREATE OR REPLACE FUNCTION posthorn.last_webhook_id(event_id uuid)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((encode("substring"(uuid_send(event_id), 1, 8), 'hex'::text) || 'bfffffffffffffff'::text))::uuid
;

CREATE OR REPLACE FUNCTION posthorn.make_partitions(day date)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  suffix constant text := to_char(day, '_YYYYMMDD');
  bounds constant uuid[] := array[
    posthorn.uuid_floor(day::timestamp at time zone 'UTC'), posthorn.uuid_floor((day + 1)::timestamp at time zone 'UTC')];
  most_tries constant integer := 5;
  lock_timeout_before constant text := current_setting('lock_timeout');
  missing text[];
  parent text;
  -- Whether rows of the day may arrive during this call: the trigger of the outbox accepts ids of at most a day from
  -- now.
  is_written boolean := day <= (now() at time zone 'UTC')::date + 1;
  holders text[];
begin
  -- One session at a time; the others then find the work done.
  perform pg_advisory_xact_lock(1886352244, 0);
  -- Not with to_regclass(): a session caches a failed lookup, and would not notice that another session made the table.
  missing := array(
    select name
    from unnest(array['outbox', 'attempts', 'outcomes']) with ordinality as parents (name, place)
    where not exists (
      select from pg_class where relnamespace = 'posthorn'::regnamespace and relname = name || suffix)
    order by place);
  foreach parent in array missing loop
    -- An attempt is updated once, soon: with this much free space per page, all updates are HOT. The CHECK lets ATTACH
    -- skip reading the rows.
    execute format(
      'create table posthorn.%1$I (like posthorn.%2$I including all, constraint is_of_its_day check (%3$I >= %4$L and %3$I < %5$L)) %6$s',
      parent || suffix, parent, case parent when 'outbox' then 'id' else 'webhook_id' end, bounds[1], bounds[2],
      case parent when 'attempts' then 'with (fillfactor = 40)' else '' end);
    if posthorn.move_stranded(parent, bounds, true) > 0 then
      is_written := true;
    end if;
  end loop;

  for tries in 1..most_tries loop
    exit when cardinality(missing) = 0;
    begin
      for look in 1..2 loop
        select array_agg(l.virtualtransaction)
        into holders
        from pg_locks as l
        join pg_class as c on c.oid = l.relation
        where l.locktype = 'relation'
          and l.granted
          and l.database = (select oid from pg_database where datname = current_database())
          and l.pid <> pg_backend_pid()
          and c.relnamespace = 'posthorn'::regnamespace
          and (
            c.relname = any (array(select name || '_default' from unnest(missing) as name))
            or (is_written and c.relname = any (missing) and l.mode not in ('AccessShareLock', 'RowShareLock'))
          )
          and (look = 1 or l.virtualtransaction = any (holders));
        exit when holders is null;
        if look = 2 then
          raise lock_not_available using
            message = format('Cannot make the partitions of %s because a transaction holds the tables that must be locked', day),
            hint = 'It is tried again. A transaction that stays open for long keeps it from being done: see pg_stat_activity.';
        end if;
        perform pg_sleep(0.1);
      end loop;
      perform set_config('lock_timeout', '100ms', true);
      if is_written then
        -- put_back() and take_back() share this lock, because a row that they wait for must not be moved.
        perform pg_advisory_xact_lock(1886352244, -4);
        foreach parent in array missing loop
          execute format('lock table only posthorn.%I in share row exclusive mode', parent);
        end loop;
        foreach parent in array missing loop
          perform posthorn.move_stranded(parent, bounds, false);
        end loop;
      end if;
      foreach parent in array missing loop
        execute format('alter table posthorn.%I attach partition posthorn.%I for values from (%L) to (%L)',
          parent, parent || suffix, bounds[1], bounds[2]);
        execute format('alter table posthorn.%I drop constraint is_of_its_day', parent || suffix);
      end loop;
      perform set_config('lock_timeout', lock_timeout_before, true);
      return cardinality(missing);
    exception
      -- check_violation: a row of the day reached a default partition without the trigger, which would have prevented
      -- it.
      when lock_not_available or deadlock_detected or check_violation then
        if tries = most_tries then
          raise;
        end if;
        is_written := is_written or sqlstate = '23514';
        perform pg_sleep(0.5 + random());
    end;
  end loop;
  return 0;
end
$function$
;
revoke execute on function posthorn.make_partitions(date) from public;

CREATE OR REPLACE FUNCTION posthorn.matching(statuses posthorn.webhook_status[], endpoint_id uuid, urls text[], ids uuid[], after uuid, before uuid, ended_before timestamp with time zone, walk integer, most integer, event_id uuid DEFAULT NULL::uuid, event_type text DEFAULT NULL::text, tenant text DEFAULT NULL::text)
 RETURNS TABLE(webhook_ids uuid[], walked_to uuid)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET jit TO 'off'
AS $function$
    with walked as materialized (
      -- Rows that ended at infinity do not match; they are only skipped.
      (
        select 1 as source, e.webhook_id, e.outbox_id, e.lane, e.finished_at
        from posthorn.outcomes as e
        where matching.ids is null
          and 'failed' = any (matching.statuses)
          and e.status = 'failed'
          and e.webhook_id > matching.after
          and e.webhook_id < matching.before
          and e.webhook_id >= coalesce(posthorn.first_webhook_id(matching.event_id), matching.after)
          and e.webhook_id <= coalesce(posthorn.last_webhook_id(matching.event_id), matching.before)
        order by e.webhook_id
        limit matching.walk
      )
      union all
      (
        select 2, e.webhook_id, e.outbox_id, e.lane, e.finished_at
        from posthorn.outcomes as e
        where matching.ids is null
          and 'cancelled' = any (matching.statuses)
          and e.status = 'cancelled'
          and e.webhook_id > matching.after
          and e.webhook_id < matching.before
          and e.webhook_id >= coalesce(posthorn.first_webhook_id(matching.event_id), matching.after)
          and e.webhook_id <= coalesce(posthorn.last_webhook_id(matching.event_id), matching.before)
        order by e.webhook_id
        limit matching.walk
      )
      union all
      (
        select 3, e.webhook_id, e.outbox_id, e.lane, case when e.status = 'delivered' then e.finished_at else 'infinity' end
        from posthorn.outcomes as e
        where matching.ids is null
          and 'delivered' = any (matching.statuses)
          and e.webhook_id > matching.after
          and e.webhook_id < matching.before
          and e.webhook_id >= coalesce(posthorn.first_webhook_id(matching.event_id), matching.after)
          and e.webhook_id <= coalesce(posthorn.last_webhook_id(matching.event_id), matching.before)
        order by e.webhook_id
        limit matching.walk
      )
      union all
      (
        select
          4, q.webhook_id, q.outbox_id, q.lane,
          case when q.lease_until > now() then 'infinity'::timestamptz else '-infinity' end
        from posthorn.queue as q
        where matching.ids is null
          and 'pending' = any (matching.statuses)
          and q.webhook_id > matching.after
          and q.webhook_id < matching.before
          and q.webhook_id >= coalesce(posthorn.first_webhook_id(matching.event_id), matching.after)
          and q.webhook_id <= coalesce(posthorn.last_webhook_id(matching.event_id), matching.before)
        order by q.webhook_id
        limit matching.walk
      )
      union all
      (
        select 5, e.webhook_id, e.outbox_id, e.lane, e.finished_at
        from unnest(matching.ids) as named (id)
        cross join lateral (
          select o.webhook_id, o.outbox_id, o.lane, o.finished_at
          from posthorn.outcomes as o
          where o.webhook_id = named.id
            and o.status = any (matching.statuses)
          offset 0
        ) as e
        where named.id > matching.after
          and named.id < matching.before
      )
      union all
      (
        select
          6, q.webhook_id, q.outbox_id, q.lane,
          case when q.lease_until > now() then 'infinity'::timestamptz else '-infinity' end
        from unnest(matching.ids) as named (id)
        cross join lateral (select * from posthorn.queue where webhook_id = named.id offset 0) as q
        where 'pending' = any (matching.statuses)
          and named.id > matching.after
          and named.id < matching.before
      )
    ),
    -- As text, because there is no min(uuid) before Postgres 18; the order is the same.
    horizon as materialized (
      select min(last)::uuid as id
      from (
        select max(webhook_id::text) as last
        from walked
        where source <= 4
        group by source
        having count(*) >= matching.walk
      ) as cut
    ),
    lanes as materialized (
      select
        case
          when matching.endpoint_id is not null then array[posthorn.lane_of(matching.endpoint_id)]
          when matching.urls is not null then array(select posthorn.lane_of(url) from unnest(matching.urls) as url)
        end as wanted
    ),
    candidates as materialized (
      select distinct w.webhook_id, w.outbox_id, w.lane
      from walked as w
      where ((select wanted from lanes) is null or w.lane = any ((select wanted from lanes)::bigint[]))
        and w.finished_at <= matching.ended_before
        and w.finished_at < 'infinity'
        and ((select id from horizon) is null or w.webhook_id <= (select id from horizon))
      order by w.webhook_id
    ),
    -- A CTE returns its rows in its own order and only as many as are needed: the outbox is read for a page, not for a
    -- walk.
    matches as materialized (
      select c.webhook_id
      from candidates as c
      where num_nonnulls(
          matching.endpoint_id, matching.urls, matching.event_id, matching.event_type, matching.tenant) = 0
        or coalesce(
          (
            select
              case
                when matching.endpoint_id is not null then
                  o.endpoint_id = matching.endpoint_id
                  or (o.event_type is not null and c.webhook_id = posthorn.webhook_id(o.id, matching.endpoint_id))
                when matching.urls is not null then
                  o.endpoint_id is null and o.event_type is null and split_part(o.url, '?', 1) = any (matching.urls)
                else true
              end
              -- A webhook that is no event's has no event_type.
              and (matching.event_id is null or (o.id = matching.event_id and o.event_type is not null))
              and (matching.event_type is null or o.event_type = matching.event_type)
              and (
                matching.tenant is null
                -- The same as in the view webhooks.
                or matching.tenant = coalesce(
                  nullif(case when o.event_type is null then o.tenant end, ''),
                  (select p.tenant from posthorn.endpoints as p where p.lane = c.lane and o.url is null),
                  o.tenant)
              )
            from posthorn.outbox as o
            where o.id = c.outbox_id
          ),
          false)
      limit matching.most
    ),
    found as (
      select coalesce(array_agg(webhook_id order by webhook_id), '{}') as ids
      from matches
    )
    select
      f.ids,
      case when cardinality(f.ids) = matching.most then f.ids[matching.most] else h.id end
    from found as f
    cross join horizon as h
  $function$
;
revoke execute on function posthorn.matching(posthorn.webhook_status[],uuid,text[],uuid[],uuid,uuid,timestamp with time zone,integer,integer,uuid,text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.missed(before uuid, walk integer, OUT webhook_ids uuid[], OUT walked integer, OUT walked_to uuid)
 RETURNS record
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
    with walked as materialized (
      select id, event_type
      from posthorn.redacted_outbox
      where id < missed.before
      order by id desc
      limit missed.walk
    ),
    missed as materialized (
      select w.id
      from walked as w
      where case
        when w.event_type is null then
          not exists (select from posthorn.queue as q where q.webhook_id = w.id)
            and not exists (select from posthorn.outcomes as e where e.webhook_id = w.id)
        else
          not exists (select from posthorn.unmatched_events as u where u.event_id = w.id)
            and not exists (select from posthorn.fan_outs as f where f.event_id = w.id)
            and not exists (
              select
              from posthorn.queue as q
              where q.webhook_id between posthorn.first_webhook_id(w.id) and posthorn.last_webhook_id(w.id)
                and q.outbox_id = w.id
            )
            and not exists (
              select
              from posthorn.outcomes as e
              where e.webhook_id between posthorn.first_webhook_id(w.id) and posthorn.last_webhook_id(w.id)
                and e.outbox_id = w.id
            )
        end
    )
    select
      array(select id from missed order by id),
      (select count(*)::integer from walked),
      case when (select count(*) from walked) = missed.walk then (select id from walked order by id limit 1) end
  $function$
;
revoke execute on function posthorn.missed(uuid,integer) from public;

CREATE OR REPLACE FUNCTION posthorn.missed_events(endpoint_id uuid, after uuid, before uuid, by_present_subscriptions boolean, walk integer, most integer)
 RETURNS TABLE(event_ids uuid[], walked integer, walked_to uuid)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET enable_bitmapscan TO 'off'
 SET jit TO 'off'
AS $function$
    with walked as materialized (
      select w.id, w.event_type, w.created_at
      from (
        (
          select o.id, o.event_type, o.created_at
          from posthorn.outbox as o
          where o.event_type is not null
            and o.tenant = (select e.tenant from posthorn.endpoints as e where e.id = missed_events.endpoint_id)
            and o.id > (select greatest(missed_events.after, posthorn.history_floor()))
            and o.id < missed_events.before
          order by o.id
          limit missed_events.walk
        )
        union all
        (
          select o.id, o.event_type, o.created_at
          from posthorn.outbox as o
          where o.event_type is not null
            and o.tenant = '*'
            and o.id > (select greatest(missed_events.after, posthorn.history_floor()))
            and o.id < missed_events.before
          order by o.id
          limit missed_events.walk
        )
      ) as w
      order by w.id
      limit missed_events.walk
    ),
    subscribed as materialized (
      select w.id, s.filters, s.is_filtered
      from walked as w
      cross join lateral (
        select array_agg(c.filter::text) as filters, bool_and(c.filter is not null) as is_filtered
        from posthorn.subscriptions as c
        where c.endpoint_id = missed_events.endpoint_id
          and c.ended_at is null
          and c.event_type = any (posthorn.type_and_above(w.event_type))
          and (missed_events.by_present_subscriptions or c.created_at <= w.created_at)
        having count(*) > 0
        offset 0
      ) as s
    ),
    missed as materialized (
      select s.id
      from subscribed as s
      where not exists (
          select from posthorn.queue as q where q.webhook_id = posthorn.webhook_id(s.id, missed_events.endpoint_id))
        and not exists (
          select from posthorn.outcomes as f where f.webhook_id = posthorn.webhook_id(s.id, missed_events.endpoint_id))
        and (
          not s.is_filtered
          or (
            select bool_or(b.json @@ f.filter::jsonpath)
            from (select posthorn.json_of(o.body) as json from posthorn.outbox as o where o.id = s.id offset 0) as b
            cross join unnest(s.filters) as f (filter)
          )
        )
      limit missed_events.most
    ),
    found as materialized (
      select coalesce(array_agg(id order by id), '{}') as ids from missed
    ),
    seen as materialized (
      select count(*)::integer as events, (select id from walked order by id desc limit 1) as last from walked
    )
    select
      f.ids,
      s.events,
      case
        when cardinality(f.ids) = missed_events.most then f.ids[missed_events.most]
        when s.events = missed_events.walk then s.last
      end
    from found as f
    cross join seen as s
  $function$
;
revoke execute on function posthorn.missed_events(uuid,uuid,uuid,boolean,integer,integer) from public;

CREATE OR REPLACE FUNCTION posthorn.move_stranded(parent text, bounds uuid[], only_settled boolean)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  key constant text := case parent when 'outbox' then 'id' else 'webhook_id' end;
  settled constant text := case parent
    when 'outbox' then 'true'
    when 'attempts' then $sql$finished_at is not null and error is distinct from 'abandoned'$sql$
    else $sql$status = 'delivered'$sql$
  end;
  is_stranded boolean;
  moved bigint;
begin
  execute format('select exists (select from posthorn.%1$I where %2$I >= $1 and %2$I < $2)', parent || '_default', key)
  into is_stranded
  using bounds[1], bounds[2];
  if not is_stranded then
    return 0;
  end if;
  if parent = 'outcomes' then
    -- A delivered webhook is resent when a caller forces it: then put_back() waits for this lock, and not for a row.
    perform pg_advisory_xact_lock(1886352244, -4);
  end if;
  execute format(
    'with moved as (delete from posthorn.%1$I where %2$I >= $1 and %2$I < $2 and (%3$s) returning *)
     insert into posthorn.%4$I select * from moved',
    parent || '_default', key, case when only_settled then settled else 'true' end,
    parent || to_char(posthorn.uuid_time(bounds[1]) at time zone 'UTC', '_YYYYMMDD'))
  using bounds[1], bounds[2];
  get diagnostics moved = row_count;
  return greatest(moved, 1);
end
$function$
;
revoke execute on function posthorn.move_stranded(text,uuid[],boolean) from public;

CREATE OR REPLACE FUNCTION posthorn.names_reserved_header(headers jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN jsonb_path_exists(headers, '$.keyvalue()?(@."key" like_regex "^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-length|content-type|content-encoding|accept-encoding|cookie|idempotency-key|traceparent|webhook-.*|x-webhook-.*)$" flag "is")'::jsonpath)
;

CREATE OR REPLACE FUNCTION posthorn.note_full_tenants()
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'on'
 SET enable_hashjoin TO 'on'
 SET enable_hashagg TO 'on'
 SET jit TO 'off'
 SET max_parallel_workers_per_gather TO '0'
AS $function$
declare
  most_pages constant integer := 4096;
  pages bigint := pg_relation_size('posthorn.queue') / current_setting('block_size')::integer;
  share float8 := least(1, most_pages::float8 / greatest(pages, 1));
begin
  -- An index without entries says so, however many tenants have settings.
  perform from posthorn.tenants where max_waiting is not null limit 1;
  if not found then
    return 0;
  end if;
  with limited as materialized (
    select id, key, max_waiting
    from posthorn.tenants
    where max_waiting is not null
  ),
  -- The webhooks to an endpoint do not name its tenant, because that can be renamed.
  queued as (
    select tenant_key, case when origin is null then lane end as lane, count(*) as webhooks
    from posthorn.queue tablesample system (100 * share)
    group by 1, 2
  ),
  counted as materialized (
    select l.id, round(sum(q.webhooks) / share) as webhooks
    from (
      select tenant_key as key, webhooks from queued where tenant_key is not null
      union all
      select o.key, q.webhooks
      from queued as q
      join (
        select l.key, e.lane
        from limited as l
        join posthorn.endpoints as e on e.tenant = l.id
      ) as o on o.lane = q.lane
    ) as q
    join limited as l on l.key = q.key
    group by l.id
  ),
  changed as materialized (
    select t.id, t.full_since is null as is_full
    from posthorn.tenants as t
    left join counted as c on c.id = t.id
    where t.max_waiting is not null
      and case
        when t.full_since is null then coalesce(c.webhooks, 0) >= t.max_waiting
        else coalesce(c.webhooks, 0) < 0.9 * t.max_waiting
      end
    for update of t skip locked
  )
  update posthorn.tenants as t
  set full_since = case when c.is_full then clock_timestamp() end
  from changed as c
  where t.id = c.id;
  return (select count(*) from posthorn.tenants where max_waiting is not null and full_since is not null);
end
$function$
;
revoke execute on function posthorn.note_full_tenants() from public;

CREATE OR REPLACE FUNCTION posthorn.ordered_recipients(event_ids uuid[])
 RETURNS TABLE(event_id uuid, endpoint_id uuid)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
    with events as materialized (
      select o.id, o.tenant, t.types,
        case
          when exists (
            select
            from posthorn.subscriptions as s
            where s.event_type = any (t.types)
              and s.is_live
              and s.is_ordered
              and (o.tenant = '*' or s.tenant = o.tenant)
              and s.filter is not null
          )
          then posthorn.json_of(o.body)
        end as json
      from posthorn.outbox as o
      cross join lateral (select posthorn.type_and_above(o.event_type) as types offset 0) as t
      where o.id = any (event_ids)
    )
    select distinct e.id, s.endpoint_id
    from events as e
    cross join lateral (
      select c.endpoint_id
      from posthorn.subscriptions as c
      where c.event_type = any (e.types)
        and c.is_live
        and c.is_ordered
        and (e.tenant = '*' or c.tenant = e.tenant)
        and (c.filter is null or e.json @@ c.filter)
      offset 0
    ) as s
  $function$
;
revoke execute on function posthorn.ordered_recipients(uuid[]) from public;

CREATE OR REPLACE FUNCTION posthorn.origin_of(url text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN posthorn.key_of(CASE WHEN ("left"(url, 5) ~~* 'https'::text) THEN ('origin https://'::text || replace((lower((split_part(split_part(url, '/'::text, 3), '?'::text, 1) COLLATE "C")) || '/'::text), ':443/'::text, '/'::text)) ELSE ('origin http://'::text || replace((lower((split_part(split_part(url, '/'::text, 3), '?'::text, 1) COLLATE "C")) || '/'::text), ':80/'::text, '/'::text)) END)
;

CREATE OR REPLACE FUNCTION posthorn.outbox_id_is_given()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  raise check_violation using
    constraint = 'outbox_id_is_given', schema = 'posthorn', table = 'outbox', column = 'id',
    message = 'new row for relation "outbox" violates check constraint "outbox_id_is_given"',
    detail = 'The id must not be null. The values of the row are not shown, because they may be secret.',
    hint = 'Leave id out: it has a default. In posthorn.new_webhooks and posthorn.new_events, NULL means the default.';
end
$function$
;
revoke execute on function posthorn.outbox_id_is_given() from public;

CREATE OR REPLACE FUNCTION posthorn.outbox_keeps_rules(id uuid, url text, endpoint_id uuid, event_type text, tenant text, body text, headers jsonb, secret text, content_type text, priority text, send_at timestamp with time zone, max_attempts integer, idempotency_key text, traceparent text, created_at timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  broken text;
begin
  broken := case
    when get_byte(uuid_send(id), 6) >> 4 <> 7 then 'outbox_id_is_uuid_v7'
    when num_nonnulls(url, endpoint_id, event_type) <> 1 then 'outbox_has_a_url_an_endpoint_id_or_an_event_type'
    -- Not as NOT NULL, whose error repeats the row with its secret.
    when body is null then 'outbox_body_is_given'
    when num_nulls(tenant, content_type, priority, created_at) > 0 then 'outbox_defaults_are_not_null'
    when octet_length(url) > 2048 then 'outbox_url_is_at_most_2048_bytes'
    -- E'' has the same meaning in a session with standard_conforming_strings off.
    when url !~* E'^https?://([^[:space:][:cntrl:]/?#@\\\\:]+|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'
      then 'outbox_url_is_http'
    when octet_length(body) > 1048576 then 'outbox_body_is_at_most_1_mib'
    when octet_length(secret) not between 1 and 512 then 'outbox_secret_is_1_to_512_bytes'
    -- Standard Webhooks: 24 to 64 bytes of key in base64. The length counts the groups of four: as a repetition in the
    -- regular expression they made this the most expensive rule, six times the URL check.
    when left(secret, 6) = 'whsec_'
      and (
        octet_length(rtrim(secret, '=')) < 6 + 32
        or octet_length(secret) > 6 + 88
        or octet_length(secret) % 4 <> 6 % 4
        or secret !~ '^whsec_[A-Za-z0-9+/]+={0,2}$'
      )
      then 'outbox_secret_is_base64_after_whsec'
    when left(secret, 5) = 'whsk_' and secret !~ '^whsk_[A-Za-z0-9+/]{86}==$'
      then 'outbox_secret_is_ed25519_after_whsk'
    when content_type <> 'application/json'
      and (
        octet_length(content_type) > 255
        or content_type !~ '^[-!#$%&''*+.^_`|~0-9A-Za-z]+/[-!#$%&''*+.^_`|~0-9A-Za-z]+( *;[ -~]*)?$'
      )
      then 'outbox_content_type_is_media_type'
    when posthorn.priority_of(priority) is null then 'outbox_priority_is_high_normal_or_low'
    when not isfinite(created_at) then 'outbox_created_at_is_finite'
    when tenant <> '' and (octet_length(tenant) > 255 or tenant ~ '[[:cntrl:]]') then 'outbox_tenant_is_at_most_255_bytes'
    when tenant = '*' and event_type is null then 'outbox_tenant_is_one_unless_it_is_an_event'
  end;
  if broken is null and event_type is not null then
    broken := case
      -- [.] and not a backslash, which has another meaning in such a session.
      when octet_length(event_type) > 128 or event_type !~ '^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+){0,15}$'
        then 'outbox_event_type_is_words'
      when left(event_type, 9) = 'posthorn.' then 'outbox_event_type_is_not_reserved'
      -- Each endpoint signs with its own.
      when secret is not null then 'outbox_event_has_no_secret'
    end;
  end if;
  if broken is null and num_nonnulls(send_at, max_attempts, idempotency_key, traceparent) > 0 then
    broken := case
      when not isfinite(send_at) or send_at - created_at >= interval '366 days' then 'outbox_send_at_is_within_a_year'
      when max_attempts not between 1 and 100 then 'outbox_max_attempts_is_1_to_100'
      when idempotency_key !~ '^[ -~]{1,255}$' then 'outbox_idempotency_key_is_1_to_255_printable_ascii'
      when traceparent !~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' then 'outbox_traceparent_is_w3c'
    end;
  end if;
  if broken is null and headers is not null then
    broken := case
      when jsonb_typeof(headers) <> 'object' then 'outbox_headers_is_object'
      when octet_length(headers::text) > 8192 then 'outbox_headers_are_at_most_8_kib'
      when jsonb_path_exists(headers, 'strict $.* ? (@.type() != "string")') then 'outbox_headers_values_are_strings'
      -- Flag "s": without it, a negated class does not match a line feed, so a header could be smuggled in.
      when jsonb_path_exists(headers, '$.* ? (@ like_regex "[^ -~]" flag "s")')
        then 'outbox_headers_values_are_printable_ascii'
      when jsonb_path_exists(
        headers, '$.keyvalue() ? (!(@.key like_regex "^[-!#$%&''*+.^_`|~0-9A-Za-z]{1,128}$" flag "s"))')
        then 'outbox_headers_names_are_tokens'
      when not posthorn.header_names_are_unique(headers) then 'outbox_headers_names_are_unique'
      when posthorn.names_reserved_header(headers) then 'outbox_headers_names_are_not_reserved'
    end;
  end if;
  if broken is null then
    return true;
  end if;
  raise check_violation using
    constraint = broken, schema = 'posthorn', table = 'outbox',
    message = format('new row for relation "outbox" violates check constraint "%s"', broken),
    detail = 'The values of the row are not shown, because they may be secret.',
    hint = case broken
      when 'outbox_id_is_uuid_v7'
        then 'Leave id out: it has a default. posthorn.new_webhooks and posthorn.new_events replace an id that is no UUID v7 of today.'
      when 'outbox_has_a_url_an_endpoint_id_or_an_event_type' then 'Give exactly one of url, endpoint_id and event_type.'
      when 'outbox_body_is_given' then 'Give a body; an empty text sends an empty one.'
      when 'outbox_defaults_are_not_null'
        then 'Leave tenant, content_type, priority and created_at out: they have defaults. In posthorn.new_webhooks and posthorn.new_events, NULL means the default.'
      when 'outbox_url_is_at_most_2048_bytes' then 'The url must be at most 2048 bytes in UTF-8.'
      when 'outbox_url_is_http'
        then 'The url must be an absolute http or https URL without blanks, backslashes, user name, password and fragment.'
      when 'outbox_body_is_at_most_1_mib' then 'The body must be at most 1 MiB (1048576 bytes) in UTF-8.'
      when 'outbox_secret_is_1_to_512_bytes' then 'The secret must be 1 to 512 bytes in UTF-8.'
      when 'outbox_secret_is_base64_after_whsec'
        then 'The secret must be whsec_ and 24 to 64 bytes in base64, or a text that does not begin with whsec_.'
      when 'outbox_secret_is_ed25519_after_whsk'
        then 'A secret that begins with whsk_ must go on with an Ed25519 seed and its public key (64 bytes) in base64.'
      when 'outbox_content_type_is_media_type'
        then 'The content_type must be a media type such as application/json, of at most 255 bytes of ASCII.'
      when 'outbox_priority_is_high_normal_or_low' then 'The priority must be high, normal or low.'
      when 'outbox_created_at_is_finite' then 'Leave created_at out: it has a default, and must be finite.'
      when 'outbox_tenant_is_at_most_255_bytes'
        then 'The tenant must be at most 255 bytes in UTF-8, without control characters.'
      when 'outbox_tenant_is_one_unless_it_is_an_event' then 'Only an event can go to the tenant *, which is all tenants.'
      when 'outbox_event_type_is_words'
        then 'The event_type must be 1 to 16 words of letters, digits, _ and - with dots between them, at most 128 characters, like order.paid.'
      when 'outbox_event_type_is_not_reserved'
        then 'The event_type must not begin with posthorn., as those of Posthorn itself do.'
      when 'outbox_event_has_no_secret' then 'Leave secret out: each endpoint signs with its own.'
      when 'outbox_send_at_is_within_a_year' then 'The send_at must be less than 366 days after created_at.'
      when 'outbox_max_attempts_is_1_to_100' then 'The max_attempts must be 1 to 100.'
      when 'outbox_idempotency_key_is_1_to_255_printable_ascii'
        then 'The idempotency_key must be 1 to 255 printable ASCII characters.'
      when 'outbox_traceparent_is_w3c' then 'The traceparent must be that of W3C Trace Context, in lower-case hex.'
      when 'outbox_headers_is_object'
        then 'Give headers as a JSON object such as {"X-Shop": "a"}, as jsonb and not as a JSON string; NULL means none.'
      when 'outbox_headers_are_at_most_8_kib' then 'The headers must be at most 8 KiB (8192 bytes) together, as JSON.'
      when 'outbox_headers_values_are_strings' then 'Header values must be strings: {"X-Count": "1"} and not {"X-Count": 1}.'
      when 'outbox_headers_values_are_printable_ascii'
        then 'Header values must be printable ASCII without line breaks and tabs.'
      when 'outbox_headers_names_are_tokens'
        then 'Header names must be 1 to 128 letters, digits and characters of -!#$%&''*+.^_`|~.'
      when 'outbox_headers_names_are_unique' then 'Header names must differ in more than their case.'
      when 'outbox_headers_names_are_not_reserved'
        then 'Leave out the headers that the connection or Posthorn sets itself, such as Host, Content-Type and webhook-id.'
      else 'The name of the constraint says the rule.'
    end;
end
$function$
;

CREATE OR REPLACE FUNCTION posthorn.outbox_to_queue()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
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
$function$
;
revoke execute on function posthorn.outbox_to_queue() from public;

CREATE OR REPLACE FUNCTION posthorn.partition_days()
 RETURNS SETOF date
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select distinct to_date(substring(child.relname from '_([0-9]{8})$'), 'YYYYMMDD') as day
    from pg_inherits as i
    join pg_class as child on child.oid = i.inhrelid
    where i.inhparent in ('posthorn.outbox'::regclass, 'posthorn.attempts'::regclass, 'posthorn.outcomes'::regclass)
      and child.relname ~ '_[0-9]{8}$'
    order by day
  $function$
;

CREATE OR REPLACE FUNCTION posthorn.priority_of(word text)
 RETURNS smallint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE word WHEN 'high'::text THEN (0)::smallint WHEN 'normal'::text THEN (1)::smallint WHEN 'low'::text THEN (2)::smallint ELSE NULL::smallint END
;

CREATE OR REPLACE FUNCTION posthorn.publish(tenant text, event_type text, body jsonb, headers jsonb DEFAULT NULL::jsonb, content_type text DEFAULT 'application/json'::text, priority text DEFAULT 'normal'::text, send_at timestamp with time zone DEFAULT NULL::timestamp with time zone, max_attempts integer DEFAULT NULL::integer, idempotency_key text DEFAULT NULL::text, traceparent text DEFAULT NULL::text)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return posthorn.publish(
    tenant, event_type, body::text, headers, content_type, priority, send_at, max_attempts, idempotency_key, traceparent);
end
$function$
;
revoke execute on function posthorn.publish(text,text,jsonb,jsonb,text,text,timestamp with time zone,integer,text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.publish(tenant text, event_type text, body text, headers jsonb DEFAULT NULL::jsonb, content_type text DEFAULT 'application/json'::text, priority text DEFAULT 'normal'::text, send_at timestamp with time zone DEFAULT NULL::timestamp with time zone, max_attempts integer DEFAULT NULL::integer, idempotency_key text DEFAULT NULL::text, traceparent text DEFAULT NULL::text)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  new_id uuid := posthorn.uuid_v7();
  known_id uuid;
begin
  if publish.idempotency_key is not null then
    known_id := posthorn.use_idempotency_key(coalesce(publish.tenant, ''), publish.idempotency_key, new_id);
    if known_id <> new_id then
      return known_id;
    end if;
  end if;

  insert into posthorn.outbox
    (id, tenant, event_type, body, headers, content_type, priority, send_at, max_attempts, idempotency_key, traceparent)
  values (
    new_id,
    publish.tenant,
    publish.event_type,
    publish.body,
    publish.headers,
    coalesce(publish.content_type, 'application/json'),
    coalesce(publish.priority, 'normal'),
    publish.send_at,
    publish.max_attempts,
    publish.idempotency_key,
    publish.traceparent
  );
  return new_id;
end
$function$
;
revoke execute on function posthorn.publish(text,text,text,jsonb,text,text,timestamp with time zone,integer,text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.put_back(webhook_ids uuid[], statuses posthorn.webhook_status[], ended_before timestamp with time zone DEFAULT 'infinity'::timestamp with time zone, replay_id uuid DEFAULT NULL::uuid, priority smallint DEFAULT NULL::smallint, due_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone, spacing interval DEFAULT '00:00:00'::interval)
 RETURNS TABLE(webhook_id uuid, became text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
declare
  -- Each id once, in order: rows are locked and become due in this order.
  ids constant uuid[] := array(select distinct id from unnest(put_back.webhook_ids) as id where id is not null order by id);
  queued uuid[];
  others uuid[];
  hurried_ids uuid[];
  released_lanes bigint[];
  brought_forward uuid[] := '{}';
  freed bigint[] := '{}';
begin
  -- No day is dropped until the end of the transaction: drop_partitions() first looks for unfinished webhooks.
  perform pg_advisory_xact_lock_shared(1886352244, -4);

  -- Rows are not joined: each id is looked up separately ("offset 0"), and the rows found are changed by an array of
  -- ids. As joins, n rows were compared with n ids.
  with able as materialized (
    select e.*, o.own_priority, o.origin, o.tenant_key, o.is_ordered
    from unnest(ids) as wanted (id)
    cross join lateral (
      select *
      from posthorn.outcomes
      where webhook_id = wanted.id
        and status = any (put_back.statuses)
        and finished_at <= put_back.ended_before
        -- The number of an attempt is a smallint.
        and attempts < 30000
      offset 0
      for update
    ) as e
    cross join lateral (
      select
        outbox.priority as own_priority,
        posthorn.origin_of(outbox.url) as origin,
        case when outbox.url is not null then posthorn.tenant_key(outbox.tenant) end as tenant_key,
        coalesce(p.ordered, false) as is_ordered
      from posthorn.outbox
      left join posthorn.endpoints as p on p.lane = e.lane
      where outbox.id = e.outbox_id
        and (outbox.url is not null or p.status <> 'deleted')
      offset 0
    ) as o
  ),
  taken as (
    delete from posthorn.outcomes
    where webhook_id = any (array(select webhook_id from able))
      -- This limits the search to the partitions of these days.
      and webhook_id between ids[1] and ids[cardinality(ids)]
  ),
  remembered as (
    insert into posthorn.former_outcomes
      (webhook_id, outbox_id, replay_id, lane, finished_at, status, attempts, last_status_code, reason)
    select
      a.webhook_id, a.outbox_id, put_back.replay_id, a.lane, a.finished_at, a.status, a.attempts, a.last_status_code,
      a.reason
    from able as a
  ),
  inserted as (
    insert into posthorn.queue
      (webhook_id, outbox_id, lane, origin, tenant_key, priority, due_at, attempts, past_attempts)
    select
      a.webhook_id,
      a.outbox_id,
      a.lane,
      a.origin,
      a.tenant_key,
      case
        when a.is_ordered then 1
        when put_back.priority is not null then put_back.priority
        else posthorn.priority_of(a.own_priority)
      end,
      greatest(
        clock_timestamp(),
        put_back.due_from + (row_number() over (order by a.webhook_id) - 1) * put_back.spacing),
      a.attempts,
      a.attempts
    from able as a
    returning webhook_id
  )
  select coalesce(array_agg(i.webhook_id), '{}') into queued from inserted as i;

  if 'pending' = any (put_back.statuses) then
    others := array(select id from unnest(ids) as id except select id from unnest(queued) as id order by id);
  end if;
  -- A second round for heads of ordered lanes that are no heads any more once the lock is held: the endpoint has
  -- stopped being ordered, and its head now has the time of its retry itself.
  for round in 1 .. 2 loop
    exit when coalesce(cardinality(others), 0) = 0;
    with early as materialized (
      select q.*
      from unnest(others) as o (id)
      cross join lateral (
        select webhook_id, due_at, attempts
        from posthorn.queue
        where webhook_id = o.id
          -- Not now(): another session may have put it back since this transaction began.
          and due_at > clock_timestamp()
          and (lease_until is null or lease_until < now())
        offset 0
        for update
      ) as q
    ),
    timed as materialized (
      select
        e.*,
        least(
          e.due_at,
          greatest(
            clock_timestamp(),
            put_back.due_from + (row_number() over (order by e.webhook_id) - 1) * put_back.spacing)) as brought_to
      from early as e
    ),
    listed as materialized (
      select
        array_agg(webhook_id order by webhook_id) as webhook_ids,
        array_agg(brought_to order by webhook_id) as times
      from timed
    ),
    hurried as (
      update posthorn.queue as q
      -- The place of an id in the array, by binary search.
      set due_at = (select times from listed)[width_bucket(q.webhook_id, (select webhook_ids from listed))]
      where q.webhook_id = any ((select webhook_ids from listed)::uuid[])
    ),
    -- An ordered lane keeps its first webhook in place, and waits as a whole.
    heads as materialized (
      select q.*, r.retry_at
      from unnest(others) as o (id)
      cross join lateral (
        select webhook_id, lane, due_at, attempts
        from posthorn.queue
        where webhook_id = o.id
          and (lease_until is null or lease_until < now())
        offset 0
      ) as q
      cross join lateral (
        select retry_at
        from posthorn.lane_rules
        where lane = q.lane and retry_of = q.webhook_id and retry_at > now()
        offset 0
      ) as r
    ),
    listed_heads as materialized (
      select array_agg(webhook_id order by webhook_id) as webhook_ids from heads
    ),
    released as (
      update posthorn.lane_rules
      set retry_at = null, retry_of = null
      where lane = any (array(select lane from heads))
        -- Checks, by binary search, that it is still the same webhook now that the lock is held.
        and retry_of = (select webhook_ids from listed_heads)[width_bucket(retry_of, (select webhook_ids from listed_heads))]
        and retry_at > now()
      returning lane
    ),
    released_heads as materialized (
      select * from heads where lane = any (array(select lane from released))
    ),
    remembered as (
      insert into posthorn.brought_forward (replay_id, webhook_id, due_at, retry_at, attempts, brought_to)
      select put_back.replay_id, webhook_id, max(due_at), max(retry_at), min(attempts), min(brought_to)
      from (
        select webhook_id, due_at, null::timestamptz as retry_at, attempts, brought_to from timed
        union all
        select webhook_id, null, retry_at, attempts, due_at from released_heads
      ) as changed
      where put_back.replay_id is not null
      group by webhook_id
    )
    select
      array(select webhook_id from timed union all select webhook_id from released_heads),
      array(select lane from released),
      array(select webhook_id from heads where lane <> all (array(select lane from released)) order by webhook_id)
    into hurried_ids, released_lanes, others;
    brought_forward := brought_forward || hurried_ids;
    freed := freed || released_lanes;
  end loop;

  -- Guarded as in outbox_to_queue().
  if cardinality(queued || brought_forward) > 0 and pg_try_advisory_xact_lock(1886352244, -1) then
    perform pg_notify('posthorn_wake', '');
  end if;
  perform pg_notify('posthorn_wake', 'rules:' || lane) from unnest(freed) as lane;

  return query
  select d.id, coalesce(d.became, why.became)
  from (
    select id, min(became) as became
    from (
      select id, null as became from unnest(ids) as id
      union all
      select id, 'queued' from unnest(queued) as id
      union all
      select id, 'brought_forward' from unnest(brought_forward) as id
    ) as each
    group by id
  ) as d
  left join lateral (
    select
      case
        when q.lease_until > now() then 'delivering'
        when q.due_at <= clock_timestamp() then 'already_due'
        when q.webhook_id is not null then 'waiting'
        when e.webhook_id is not null and o.id is null then 'payload_gone'
        when e.webhook_id is not null and o.url is null and coalesce(p.status, 'deleted') = 'deleted'
          then 'endpoint_deleted'
        when e.attempts >= 30000 then 'worn_out'
        when e.webhook_id is not null then e.status::text
        when posthorn.is_dropped(d.id) then 'payload_gone'
        else 'unknown'
      end as became
    from (select d.id) as wanted
    left join lateral (select * from posthorn.queue where webhook_id = wanted.id offset 0) as q on true
    left join lateral (select * from posthorn.outcomes where webhook_id = wanted.id offset 0) as e on true
    left join lateral (select id, url from posthorn.outbox where id = e.outbox_id offset 0) as o on true
    left join lateral (select status from posthorn.endpoints where lane = e.lane offset 0) as p on true
    where d.became is null
    offset 0
  ) as why on true;
end
$function$
;
revoke execute on function posthorn.put_back(uuid[],posthorn.webhook_status[],timestamp with time zone,uuid,smallint,timestamp with time zone,interval) from public;

CREATE OR REPLACE FUNCTION posthorn.recipients(tenant text, event_type text, body text)
 RETURNS TABLE(endpoint_id uuid, url text, receives boolean, why text, receives_later boolean, subscription_id uuid, subscribed_to text, filter jsonpath)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
    select
      e.id,
      e.url,
      coalesce(s.fits, false) and e.status <> 'disabled',
      case
        when s.id is null then 'no_subscription'
        when s.fits and e.status = 'disabled' then 'disabled'
        when s.fits and e.status = 'paused' then 'paused'
        when s.fits then 'subscribed'
        when b.json is null then 'body_is_not_json'
        when s.fits is null then 'filter_has_no_answer'
        else 'filter_is_false'
      end,
      coalesce(s.fits, false) and e.status = 'disabled',
      s.id,
      s.event_type,
      s.filter
    from (
      select id, url, status from posthorn.endpoints where tenant = recipients.tenant
      union all
      select id, url, status from posthorn.endpoints where recipients.tenant = '*'
    ) as e
    cross join (select posthorn.json_of(recipients.body) as json) as b
    left join lateral (
      select c.id, c.event_type, c.filter, case when c.filter is null then true else b.json @@ c.filter end as fits
      from posthorn.subscriptions as c
      where c.endpoint_id = e.id
        and c.ended_at is null
        and c.event_type = any (posthorn.type_and_above(recipients.event_type))
      -- The one that lets it through, or else one that says no, before one without an answer.
      order by case when c.filter is null then true else b.json @@ c.filter end desc nulls last, c.id
      limit 1
    ) as s on true
    where e.status <> 'deleted'
    order by e.id
  $function$
;
revoke execute on function posthorn.recipients(text,text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.rename_tenant(former text, new text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  renamed uuid[];
  ended uuid[];
begin
  -- Subscriptions that are made again are later than what a disabled endpoint has missed.
  if former = new then
    return 0;
  end if;
  perform set_config('posthorn.is_renaming', 'on', true);
  with moved as (
    update posthorn.endpoints as e set tenant = rename_tenant.new where e.tenant = rename_tenant.former and e.status <> 'deleted'
    returning e.id
  )
  select coalesce(array_agg(id), '{}') into renamed from moved;
  perform set_config('posthorn.is_renaming', '', true);
  with over as (
    update posthorn.subscriptions as s
    set ended_at = clock_timestamp()
    where s.endpoint_id = any (renamed) and s.ended_at is null
    returning s.id
  )
  select array_agg(id) into ended from over;
  insert into posthorn.subscriptions (endpoint_id, event_type, filter)
  select s.endpoint_id, s.event_type, s.filter
  from posthorn.subscriptions as s
  where s.id = any (ended)
  order by s.id;
  update posthorn.tenants as t set id = rename_tenant.new where t.id = rename_tenant.former;
  return cardinality(renamed);
end
$function$
;
revoke execute on function posthorn.rename_tenant(text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.repair_lane_rules()
 RETURNS SETOF bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  lanes bigint[] := array(select lane from posthorn.misruled_lanes);
begin
  -- In the order of the triggers: the endpoint or tenant first. A session that changes it in the meantime comes after us.
  perform from posthorn.endpoints where lane = any (lanes) order by id for update;
  perform from posthorn.tenants where key = any (lanes) order by id for update;
  perform from posthorn.lane_rules where lane = any (lanes) order by lane for update;
  delete from posthorn.lane_rules as r
  where r.lane = any (lanes)
    and not exists (
      select
      from posthorn.endpoints as e
      where e.lane = r.lane
        and e.status <> 'deleted'
        and (e.status <> 'active' or e.ordered or num_nonnulls(e.max_in_flight, e.rate_limit_per_s) > 0))
    and not exists (
      select from posthorn.tenants as t where t.key = r.lane and num_nonnulls(t.max_in_flight, t.rate_limit_per_s) > 0);
  insert into posthorn.lane_rules as r (lane, is_held, is_ordered, is_tenant, max_in_flight, rate_limit_per_s)
  select
    e.lane, e.status <> 'active' or (e.ordered and e.catching_up), e.ordered, false, e.max_in_flight, e.rate_limit_per_s
  from posthorn.endpoints as e
  where e.lane = any (lanes)
    and e.status <> 'deleted'
    and (e.status <> 'active' or e.ordered or num_nonnulls(e.max_in_flight, e.rate_limit_per_s) > 0)
  union all
  select t.key, false, false, true, t.max_in_flight, t.rate_limit_per_s
  from posthorn.tenants as t
  where t.key = any (lanes)
    and num_nonnulls(t.max_in_flight, t.rate_limit_per_s) > 0
  order by 1
  on conflict (lane) do update
    set is_held = excluded.is_held,
      is_ordered = excluded.is_ordered,
      is_tenant = excluded.is_tenant,
      max_in_flight = excluded.max_in_flight,
      rate_limit_per_s = excluded.rate_limit_per_s;
  perform pg_notify('posthorn_wake', 'rules:' || lane) from unnest(lanes) as lane;
  return query select unnest(lanes);
end
$function$
;
revoke execute on function posthorn.repair_lane_rules() from public;

CREATE OR REPLACE FUNCTION posthorn.repair_subscriptions()
 RETURNS SETOF uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  strays uuid[] := array(select id from posthorn.stray_subscriptions order by id);
  moved uuid[];
begin
  -- In the order of the triggers: the endpoint first. A session that changes it in the meantime comes after us.
  perform
  from posthorn.endpoints as e
  where e.id in (select s.endpoint_id from posthorn.subscriptions as s where s.id = any (strays))
  order by e.id
  for update;
  moved := array(
    select s.id
    from posthorn.subscriptions as s
    join posthorn.endpoints as e on e.id = s.endpoint_id
    where s.id = any (strays)
      and s.tenant <> e.tenant
      and s.ended_at is null
      and e.status <> 'deleted'
  );
  update posthorn.subscriptions as s
  set
    is_ordered = e.ordered,
    is_live = s.ended_at is null and e.status in ('active', 'paused'),
    ended_at = case
      when e.status = 'deleted' or s.id = any (moved) then coalesce(s.ended_at, clock_timestamp())
      else s.ended_at
    end
  from posthorn.endpoints as e
  where s.id = any (strays)
    and e.id = s.endpoint_id;
  -- As rename_tenant() does it.
  insert into posthorn.subscriptions (endpoint_id, event_type, filter)
  select s.endpoint_id, s.event_type, s.filter
  from posthorn.subscriptions as s
  where s.id = any (moved)
  order by s.id;
  delete from posthorn.subscriptions as s
  where s.id = any (strays)
    and not exists (select from posthorn.endpoints as e where e.id = s.endpoint_id);
  return query select unnest(strays);
end
$function$
;
revoke execute on function posthorn.repair_subscriptions() from public;

CREATE OR REPLACE FUNCTION posthorn.resume(environment text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    insert into posthorn.identity as i (system_identifier, database_oid, environment, recorded_at)
    select posthorn.system_identifier(), d.oid, nullif(resume.environment, ''), clock_timestamp()
    from pg_database as d
    where d.datname = current_database()
    on conflict (is_only) do update
      set
        system_identifier = excluded.system_identifier,
        database_oid = excluded.database_oid,
        environment = case when resume.environment is null then i.environment else excluded.environment end,
        recorded_at = excluded.recorded_at,
        held_since = null,
        held_because = null
  $function$
;
revoke execute on function posthorn.resume(text) from public;

CREATE OR REPLACE FUNCTION posthorn.retry(webhook_id uuid, force boolean DEFAULT false)
 RETURNS text
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select became
    from posthorn.put_back(
      array[retry.webhook_id],
      case when retry.force then '{failed,cancelled,pending,delivered}' else '{failed,cancelled,pending}' end
        ::posthorn.webhook_status[])
  $function$
;
revoke execute on function posthorn.retry(uuid,boolean) from public;

CREATE OR REPLACE FUNCTION posthorn.retry_many(webhook_ids uuid[], force boolean DEFAULT false)
 RETURNS bigint
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select count(*)
    from posthorn.put_back(
      retry_many.webhook_ids,
      case when retry_many.force then '{failed,cancelled,pending,delivered}' else '{failed,cancelled,pending}' end
        ::posthorn.webhook_status[])
    where became in ('queued', 'brought_forward')
  $function$
;
revoke execute on function posthorn.retry_many(uuid[],boolean) from public;

CREATE OR REPLACE FUNCTION posthorn.subscription_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  broken text;
  endpoint record;
  has_endpoint boolean;
begin
  if tg_op = 'DELETE' then
    -- The endpoint is gone, or is being deleted with its subscriptions.
    if old.ended_at is null and exists (select from posthorn.endpoints as e where e.id = old.endpoint_id) then
      raise check_violation using
        constraint = 'subscriptions_are_ended_before_they_are_deleted', schema = 'posthorn', table = 'subscriptions',
        message = 'delete on table "subscriptions" violates check constraint "subscriptions_are_ended_before_they_are_deleted"',
        detail = 'A subscription must be ended before it is deleted.',
        hint = 'update posthorn.subscriptions set ended_at = now() where id = ...';
    end if;
    return old;
  end if;
  if tg_op = 'UPDATE' then
    if (new.id, new.endpoint_id, new.tenant, new.event_type, new.filter::text, new.created_at, new.created_in)
      is distinct from
      (old.id, old.endpoint_id, old.tenant, old.event_type, old.filter::text, old.created_at, old.created_in)
    then
      broken := 'subscriptions_are_not_changed';
    elsif old.ended_at is not null and new.ended_at is null then
      broken := 'subscriptions_end_once';
    end if;
    if old.ended_at is null and new.ended_at is not null then
      new.ended_at := clock_timestamp();
      new.ended_in := pg_current_xact_id();
      new.is_live := false;
    elsif old.ended_at is not null then
      new.ended_at := old.ended_at;
      new.ended_in := old.ended_in;
    end if;
  else
    perform set_config('posthorn.is_subscribing', 'on', true);
    update posthorn.endpoints as e
    set description = e.description
    where e.id = new.endpoint_id and e.status <> 'deleted'
    returning e.tenant, e.ordered, e.status in ('active', 'paused') as is_live
    into endpoint;
    has_endpoint := found;
    perform set_config('posthorn.is_subscribing', '', true);
    broken := case
      when new.id is null or get_byte(uuid_send(new.id), 6) >> 4 <> 7 then 'subscriptions_id_is_uuid_v7'
      when not has_endpoint then 'subscriptions_endpoint_is_registered'
      when new.tenant is not null and new.tenant <> endpoint.tenant then 'subscriptions_tenant_is_that_of_the_endpoint'
      when new.event_type is null
        or octet_length(new.event_type) > 128
        or new.event_type !~ '^([A-Za-z0-9_-]+([.][A-Za-z0-9_-]+){0,15}([.][*])?|[*])$'
        then 'subscriptions_event_type_is_words_or_ends_with_a_star'
      when new.ended_at is not null then 'subscriptions_begin_unended'
      when new.filter is not null then posthorn.filter_rule(new.filter)
    end;
    new.tenant := endpoint.tenant;
    new.is_ordered := endpoint.ordered;
    new.is_live := endpoint.is_live;
    new.created_at := clock_timestamp();
    new.created_in := pg_current_xact_id();
    new.ended_in := null;
  end if;
  if broken is not null then
    raise check_violation using
      constraint = broken, schema = 'posthorn', table = 'subscriptions',
      message = format('new row for relation "subscriptions" violates check constraint "%s"', broken);
  end if;
  return new;
end
$function$
;
revoke execute on function posthorn.subscription_changes() from public;

CREATE OR REPLACE FUNCTION posthorn.system_identifier()
 RETURNS bigint
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return (select c.system_identifier from pg_control_system() as c);
exception
  when insufficient_privilege then
    return null;
end
$function$
;
revoke execute on function posthorn.system_identifier() from public;

CREATE OR REPLACE FUNCTION posthorn.take_back(replay_id uuid, after uuid, most integer, OUT taken_back integer, OUT walked_to uuid)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
declare
  looked_at uuid[];
  postponed integer;
  held bigint[];
begin
  perform pg_advisory_xact_lock_shared(1886352244, -4);
  looked_at := array(
    select webhook_id
    from (
      (
        select f.webhook_id
        from posthorn.former_outcomes as f
        where f.replay_id = take_back.replay_id
          and f.webhook_id > take_back.after
        order by f.webhook_id
        limit most
      )
      union all
      (
        select b.webhook_id
        from posthorn.brought_forward as b
        where b.replay_id = take_back.replay_id
          and b.webhook_id > take_back.after
        order by b.webhook_id
        limit most
      )
    ) as either
    order by webhook_id
    limit most);
  -- Locked in the same order as in put_back() and cancel_many().
  perform
  from unnest(looked_at) as wanted (id)
  cross join lateral (select from posthorn.queue where webhook_id = wanted.id offset 0 for update) as q;

  with untried as materialized (
    select f.*
    from unnest(looked_at) as wanted (id)
    cross join lateral (
      select
      from posthorn.queue
      where webhook_id = wanted.id
        and attempts = past_attempts
        and (lease_until is null or lease_until < now())
      offset 0
    ) as q
    -- Another session may have put it back again since.
    cross join lateral (
      select *
      from posthorn.former_outcomes
      where webhook_id = wanted.id
      order by replayed_at desc
      limit 1
    ) as f
    where f.replay_id = take_back.replay_id
  ),
  unqueued as (
    delete from posthorn.queue
    where webhook_id = any (array(select webhook_id from untried))
  ),
  forgotten as (
    delete from posthorn.former_outcomes as f
    where f.webhook_id = any (array(select webhook_id from untried))
      and f.replay_id = take_back.replay_id
  ),
  restored as (
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, finished_at, status, attempts, last_status_code, reason)
    select webhook_id, outbox_id, lane, finished_at, status, attempts, last_status_code, reason
    from untried
    returning 1
  )
  select count(*) into taken_back from restored;

  with unchanged as materialized (
    select b.*, q.lane
    from unnest(looked_at) as wanted (id)
    cross join lateral (
      select *
      from posthorn.brought_forward
      where replay_id = take_back.replay_id
        and webhook_id = wanted.id
      offset 0
    ) as b
    cross join lateral (
      select lane
      from posthorn.queue
      where webhook_id = wanted.id
        and attempts = b.attempts
        and due_at = b.brought_to
        and (lease_until is null or lease_until < now())
      offset 0
    ) as q
  ),
  listed as materialized (
    select
      array_agg(webhook_id order by webhook_id) as webhook_ids,
      array_agg(coalesce(due_at, brought_to) order by webhook_id) as times
    from unchanged
  ),
  lanes as materialized (
    select
      array_agg(lane order by lane) as lanes,
      array_agg(retry_at order by lane) as times,
      array_agg(webhook_id order by lane) as webhook_ids
    from (
      select lane, max(retry_at) as retry_at, (array_agg(webhook_id order by retry_at desc))[1] as webhook_id
      from unchanged
      where retry_at > now()
      group by lane
    ) as each
  ),
  delayed as (
    update posthorn.queue as q
    set due_at = (select times from listed)[width_bucket(q.webhook_id, (select webhook_ids from listed))]
    where q.webhook_id = any ((select webhook_ids from listed)::uuid[])
    returning 1
  ),
  waiting as (
    update posthorn.lane_rules as r
    set
      retry_at = (select times from lanes)[width_bucket(r.lane, (select lanes from lanes))],
      retry_of = (select webhook_ids from lanes)[width_bucket(r.lane, (select lanes from lanes))]
    where r.lane = any ((select lanes from lanes)::bigint[])
      and r.is_ordered
      and r.retry_at is null
    returning r.lane
  ),
  forgotten as (
    delete from posthorn.brought_forward as b
    where b.replay_id = take_back.replay_id
      and b.webhook_id = any ((select webhook_ids from listed)::uuid[])
  )
  select (select count(*) from delayed), (select array_agg(lane) from waiting)
  into postponed, held;
  perform pg_notify('posthorn_wake', 'rules:' || lane) from unnest(held) as lane;

  taken_back := taken_back + postponed;
  walked_to := case when cardinality(looked_at) = most then looked_at[most] end;
end
$function$
;
revoke execute on function posthorn.take_back(uuid,uuid,integer) from public;

CREATE OR REPLACE FUNCTION posthorn.take_sample()
 RETURNS bigint
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_sort TO 'on'
 SET jit TO 'off'
AS $function$
    with since as materialized (
      select greatest(coalesce(max(taken_at) filter (where taken_at <= now()), now() - interval '1 minute'), now() - interval '5 minutes') as at
      from posthorn.samples
    ),
    counted as (
      select
        least(coalesce(sum(t.attempts), 0), 2147483647)::integer as attempts,
        least(coalesce(sum(t.failures), 0), 2147483647)::integer as failures
      from since
      join posthorn.tallies as t on t.counted_at > since.at and t.counted_at < 'infinity' and t.endpoint_id is null
    ),
    ended as materialized (
      select extract(epoch from o.finished_at - greatest(posthorn.uuid_time(o.webhook_id), said.send_at)) * 1000 as ms
      from posthorn.outcomes as o
      -- One lookup each: the limit prevents the planner from reading all of the outbox.
      left join lateral (
        select w.send_at from posthorn.outbox as w where w.id = o.outbox_id limit 1
      ) as said on true
      where o.webhook_id >= posthorn.uuid_floor(now() - interval '2 minutes')
        and o.status = 'delivered'
        and isfinite(o.finished_at)
      order by o.webhook_id desc
      limit 2000
    ),
    delivered as (
      select percentile_cont(array[0.5, 0.95, 0.99]) within group (order by ms) as percentiles from ended
    ),
    queued as (
      select
        coalesce(sum((q ->> 'webhooks')::float8), 0)::bigint as waiting,
        coalesce(sum((q ->> 'webhooks')::float8) filter (where q ->> 'state' = 'due'), 0)::bigint as due,
        max((q ->> 'oldest_due_s')::real) filter (where q ->> 'state' = 'due') as oldest_due_s
      from posthorn.take_stats() as s
      cross join lateral jsonb_array_elements(s.figures -> 'queue') as q
    ),
    forgotten as (
      delete from posthorn.samples where taken_at < now() - interval '15 days'
    )
    insert into posthorn.samples (attempts, failures, seconds, p50_ms, p95_ms, p99_ms, waiting, due, oldest_due_s)
    select
      c.attempts, c.failures, greatest(1, extract(epoch from clock_timestamp() - since.at)),
      d.percentiles[1], d.percentiles[2], d.percentiles[3], q.waiting, q.due, q.oldest_due_s
    from counted as c
    cross join since
    cross join delivered as d
    cross join queued as q
    returning waiting
  $function$
;
revoke execute on function posthorn.take_sample() from public;

CREATE OR REPLACE FUNCTION posthorn.take_stats(max_age interval DEFAULT '00:00:15'::interval)
 RETURNS posthorn.stats
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'on'
 SET enable_hashjoin TO 'on'
 SET enable_hashagg TO 'on'
 SET enable_sort TO 'on'
 SET jit TO 'off'
 SET max_parallel_workers_per_gather TO '0'
 SET extra_float_digits TO '1'
AS $function$
declare
  most_pages constant integer := 4096;
  most_heads constant integer := 2000;
  started_at timestamptz := clock_timestamp();
  known posthorn.stats;
  pages bigint;
  share float8;
  has_away boolean;
  counted_queue jsonb;
  oldest_of_lanes jsonb := '[]';
  rest jsonb;
begin
  select * into known from posthorn.stats;
  if not found then
    insert into posthorn.stats default values on conflict do nothing;
  elsif known.taken_at > started_at - greatest(max_age, known.took_ms * 20 * interval '1 millisecond')
    -- Otherwise the clock was set back since.
    and known.taken_at <= clock_timestamp()
  then
    return known;
  end if;
  -- Does not wait for the lock: if another session is counting, the known figures are used.
  select * into known from posthorn.stats for update skip locked;
  if not found then
    select * into known from posthorn.stats;
    return known;
  elsif started_at < known.taken_at and known.taken_at <= clock_timestamp() then
    return known;
  end if;

  pages := pg_relation_size('posthorn.queue') / current_setting('block_size')::integer;
  share := least(1, most_pages::float8 / greatest(pages, 1));
  -- If no origin is blocked, the origin of no webhook is looked up.
  has_away := exists (select from posthorn.lane_blocks where reason = 'origin_breaker');

  with blocked as materialized (
    select key from posthorn.lane_blocks where not is_brief
  ),
  counted as (
    select priority, state, count(*) as seen, min(due_at) as first_due
    from (
      select
        priority,
        due_at,
        case
          when lease_until > now() then 1
          when due_at > now() and attempts > 0 then 2
          when due_at > now() then 3
          -- Not a join, for which the planner may build a hash table of the queue.
          when lane in (select key from blocked) then 4
          when has_away
            and coalesce(origin, (select e.origin from posthorn.endpoints as e where e.lane = q.lane)) in (select key from blocked)
            then 4
          else 5
        end as state
      from posthorn.queue as q tablesample system (100 * share)
    ) as q
    group by priority, state
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'priority', priority,
    'state', (array['sending', 'retry', 'scheduled', 'held', 'due'])[state],
    'webhooks', round(seen / share),
    'oldest_due_s', case when state > 3 then round(extract(epoch from now() - greatest(first_due, 'epoch')), 3) end)), '[]')
  into counted_queue
  from counted;

  if share < 1 then
    -- The loose index scan of sql/scan-lanes.sql. With statistics from a time when the queue was empty, the planner
    -- would read all of it for every step.
    perform set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
    with recursive lanes as (
      (
        select lane, priority
        from posthorn.queue
        where priority < 1000
        order by lane, priority, due_at
        limit 1
      )
      union all
      select next.lane, next.priority
      from lanes
      cross join lateral (
        select lane, priority
        from posthorn.queue
        where priority < 1000
          and (lane, priority) > (lanes.lane, lanes.priority)
        order by lane, priority, due_at
        limit 1
      ) as next
    ),
    blocked as materialized (
      select key from posthorn.lane_blocks where not is_brief
    ),
    heads as (
      select
        l.priority,
        head.due_at,
        -- Not looked up lane by lane: the view has four parts, and there are 2,000 heads.
        l.lane in (select key from blocked)
          or (
            has_away
            and coalesce(head.origin, (select e.origin from posthorn.endpoints as e where e.lane = l.lane)) in (select key from blocked)
          ) as is_held
      from (select lane, priority from lanes limit most_heads) as l
      cross join lateral (
        select due_at, origin
        from posthorn.queue
        where priority < 1000
          and (lease_until is null or lease_until <= now())
          and lane = l.lane
          and priority = l.priority
          and due_at <= now()
        order by due_at
        limit 1
      ) as head
    )
    select coalesce(jsonb_agg(jsonb_build_object(
      'priority', priority,
      'state', case when is_held then 'held' else 'due' end,
      'webhooks', 1,
      'oldest_due_s', round(extract(epoch from now() - greatest(first_due, 'epoch')), 3))), '[]')
    into oldest_of_lanes
    from (select priority, is_held, min(due_at) as first_due from heads group by 1, 2) as oldest;
    perform set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true);
  end if;

  select jsonb_build_object(
    'lanes', (
      select jsonb_build_object(
        'failing', count(*) filter (where state = 'closed' and consecutive > 0 and not is_throttled),
        'open', count(*) filter (where state = 'open' and not is_probing),
        'probing', count(*) filter (where state = 'open' and is_probing),
        'throttled', count(*) filter (where state = 'closed' and is_throttled),
        'held', (select count(*) from posthorn.lane_rules where is_held))
      from (
        select
          state,
          consecutive,
          key in (select key from posthorn.lane_blocks where reason = 'throttled') as is_throttled,
          coalesce(probe_until > now(), false) as is_probing
        from posthorn.breakers
        where key <> origin
      ) as b),
    'origins', (
      select jsonb_build_object(
        'failing', count(*) filter (where state = 'closed'),
        'open', count(*) filter (where state = 'open' and not coalesce(probe_until > now(), false)),
        'probing', count(*) filter (where state = 'open' and probe_until > now()))
      from posthorn.breakers
      where key = origin),
    'workers', (
      select jsonb_build_object('alive', count(l.number), 'dead', count(*) - count(l.number))
      from posthorn.workers as w
      left join posthorn.live_workers as l on l.number = w.number),
    'events', jsonb_build_object(
      'fan_outs', (select count(*) from posthorn.fan_outs),
      'oldest_fan_out_s', (
        select coalesce(round(extract(epoch from clock_timestamp() - min(published_at)), 3), 0) from posthorn.fan_outs),
      'catch_ups', (select count(*) from posthorn.catch_ups where status = 'running')),
    'partitions_ahead', (
      select coalesce(min(ahead) filter (where is_missing), 11) - 1
      from (
        select
          ahead,
          to_regclass('posthorn.outbox_' || day) is null
            or to_regclass('posthorn.attempts_' || day) is null
            or to_regclass('posthorn.outcomes_' || day) is null as is_missing
        from generate_series(1, 10) as ahead
        cross join lateral (select to_char((now() at time zone 'UTC')::date + ahead, 'YYYYMMDD') as day) as of_day
      ) as days),
    'oldest_transaction_s', (
      select coalesce(round(extract(epoch from clock_timestamp() - min(since)), 3), 0)
      from (
        select xact_start as since
        from pg_stat_activity
        where datname = current_database()
          and backend_type = 'client backend'
          and pid <> pg_backend_pid()
          and (backend_xid is not null or backend_xmin is not null)
        union all
        select prepared from pg_prepared_xacts where database = current_database()
      ) as open),
    'partitions_overdue', (
      select jsonb_build_object(
        'unfinished', coalesce(3 * sum(jsonb_array_length(case jsonb_typeof(detail -> 'kept') when 'array' then detail -> 'kept' end)), 0),
        'locked', coalesce(3 * sum(jsonb_array_length(case jsonb_typeof(detail -> 'postponed') when 'array' then detail -> 'postponed' end)), 0))
      from posthorn.maintenance_runs
      where task = 'posthorn:prune'),
    'tasks', (
      select coalesce(jsonb_object_agg(task, jsonb_build_object(
        'ended_at', round(extract(epoch from ended_at), 3),
        'duration_s', round(duration_ms::numeric / 1000, 3))), '{}')
      from posthorn.maintenance_runs
      -- JSON cannot express NaN or infinity; in Postgres NaN is greater than infinity.
      where isfinite(ended_at) and duration_ms < 'infinity')
  ) into rest;

  update posthorn.stats
  set
    taken_at = started_at,
    took_ms = extract(epoch from clock_timestamp() - started_at) * 1000,
    figures = rest || jsonb_build_object(
      'is_estimated', share < 1,
      'queue', (
        select coalesce(jsonb_agg(row), '[]')
        from (
          select jsonb_build_object(
            'priority', priority,
            'state', state,
            'webhooks', max(webhooks),
            'oldest_due_s', max(oldest_due_s)) as row
          from jsonb_to_recordset(counted_queue || oldest_of_lanes)
            as r (priority integer, state text, webhooks bigint, oldest_due_s numeric)
          where priority between 0 and 2
          group by priority, state
          order by priority, state
        ) as rows))
  where is_only
  returning * into known;
  return known;
end
$function$
;
revoke execute on function posthorn.take_stats(interval) from public;

CREATE OR REPLACE FUNCTION posthorn.tenant_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  new.full_since := null;
  return new;
end
$function$
;
revoke execute on function posthorn.tenant_changes() from public;

CREATE OR REPLACE FUNCTION posthorn.tenant_key(tenant text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (tenant <> ''::text) THEN posthorn.key_of(('tenant '::text || tenant)) ELSE NULL::bigint END
;

CREATE OR REPLACE FUNCTION posthorn.tenant_to_lane_rule()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  former bigint := case when tg_op <> 'INSERT' then old.key end;
  present bigint := case when tg_op <> 'DELETE' then new.key end;
  former_owner integer;
begin
  if former is distinct from present or num_nonnulls(new.max_in_flight, new.rate_limit_per_s) = 0 then
    delete from posthorn.lane_rules where lane = former returning owner into former_owner;
  end if;
  -- A tenant with another id keeps its owner, because that one also owns the limited endpoints.
  if tg_op <> 'DELETE' and num_nonnulls(new.max_in_flight, new.rate_limit_per_s) > 0 then
    insert into posthorn.lane_rules (lane, is_held, is_ordered, is_tenant, max_in_flight, rate_limit_per_s, owner)
    values (present, false, false, true, new.max_in_flight, new.rate_limit_per_s, former_owner)
    on conflict (lane) do update
      set max_in_flight = excluded.max_in_flight, rate_limit_per_s = excluded.rate_limit_per_s;
  end if;
  perform pg_notify('posthorn_wake', 'rules:' || key) from unnest(array[former, present]) as key where key is not null;
  return null;
end
$function$
;
revoke execute on function posthorn.tenant_to_lane_rule() from public;

CREATE OR REPLACE FUNCTION posthorn.time_of(text text)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 STABLE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return nullif(nullif(text::timestamptz, 'infinity'), '-infinity');
exception
  when data_exception then
    return null;
end
$function$
;

CREATE OR REPLACE FUNCTION posthorn.type_and_above(event_type text)
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  types text[] := array[event_type, '*'];
  rest text := event_type;
begin
  while position('.' in rest) > 0 loop
    rest := left(rest, length(rest) - position('.' in reverse(rest)));
    types := types || (rest || '.*');
  end loop;
  return types;
end
$function$
;

CREATE OR REPLACE FUNCTION posthorn.use_idempotency_key(tenant text, key text, new_id uuid)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  known_id uuid;
begin
  -- No index could hold it. The rules of the outbox refuse the row, and say why.
  if octet_length(use_idempotency_key.key) > 255 or octet_length(use_idempotency_key.tenant) > 255 then
    return new_id;
  end if;

  loop
    insert into posthorn.idempotency_keys as k (tenant, key, outbox_id, expires_at)
    values (use_idempotency_key.tenant, use_idempotency_key.key, new_id, now() + interval '7 days')
    on conflict (tenant, key) do update
      set outbox_id = excluded.outbox_id, expires_at = excluded.expires_at
      where k.expires_at <= now();
    if found then
      return new_id;
    end if;
    select k.outbox_id
    into known_id
    from posthorn.idempotency_keys as k
    where k.tenant = use_idempotency_key.tenant and k.key = use_idempotency_key.key;
    -- If the key was pruned in between, it is not found, and is free.
    if found then
      return nullif(known_id, new_id);
    end if;
  end loop;
end
$function$
;
revoke execute on function posthorn.use_idempotency_key(text,text,uuid) from public;

CREATE OR REPLACE FUNCTION posthorn.uuid_floor(at timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((lpad(to_hex((floor((EXTRACT(epoch FROM at) * (1000)::numeric)))::bigint), 12, '0'::text) || '00000000000000000000'::text))::uuid
;

CREATE OR REPLACE FUNCTION posthorn.uuid_time(id uuid)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN COALESCE(uuid_extract_timestamp(id), to_timestamp((((((('x'::text || "left"(replace((id)::text, '-'::text, ''::text), 12)))::bit(48))::bigint)::numeric / 1000.0))::double precision))
;

CREATE OR REPLACE FUNCTION posthorn.uuid_v7()
 RETURNS uuid
 LANGUAGE sql
 PARALLEL SAFE
BEGIN ATOMIC
 SELECT (encode("overlay"("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send(("time".us / 1000)), 3), 1, 6), int2send(((28672 + ((("time".us % (1000)::bigint) * 4096) / 1000)))::smallint), 7, 2), 'hex'::text))::uuid AS encode
    FROM ( SELECT (floor((EXTRACT(epoch FROM clock_timestamp()) * (1000000)::numeric)))::bigint AS us) "time";
END
;

CREATE OR REPLACE FUNCTION posthorn.watch_clock()
 RETURNS interval
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
declare
  batch constant integer := 10000;
  known timestamptz;
  step interval;
  last_id uuid := '00000000-0000-0000-0000-000000000000';
  looked_at uuid[];
  lanes bigint[];
begin
  select seen_at into known from posthorn.clock;
  if known between clock_timestamp() - interval '10 seconds' and clock_timestamp() then
    return null;
  end if;
  select seen_at into known from posthorn.clock for update skip locked;
  if not found then
    return null;
  end if;
  update posthorn.clock set seen_at = clock_timestamp();
  step := known - clock_timestamp();
  if step < interval '5 seconds' then
    return null;
  end if;

  loop
    -- A locked row is being claimed or recorded, which gives it new times.
    looked_at := array(
      select q.webhook_id
      from posthorn.queue as q
      where q.webhook_id > last_id
        and (q.due_at > clock_timestamp() or q.lease_until > clock_timestamp())
      order by q.webhook_id
      limit batch
      for update skip locked);
    exit when cardinality(looked_at) = 0;
    update posthorn.queue as q
    set
      -- least() ignores a null.
      lease_until = case when q.lease_until is not null then least(q.lease_until, clock_timestamp() + interval '2 minutes') end,
      due_at = q.due_at - case
        when q.due_at <= clock_timestamp() then interval '0'
        when q.attempts = q.past_attempts
          and q.due_at is distinct from (select o.send_at from posthorn.outbox as o where o.id = q.outbox_id)
        then step
        when exists (
          select
          from posthorn.attempts as a
          where a.webhook_id = q.webhook_id
            and a.number = q.attempts
            and a.finished_at > clock_timestamp())
        then step
        else interval '0'
      end
    where q.webhook_id = any (looked_at);
    last_id := looked_at[cardinality(looked_at)];
  end loop;

  -- Lanes that a session has locked, for example by an uncommitted change of an endpoint, keep their times and wait
  -- longer; all others do not wait for them.
  lanes := array(
    select key from posthorn.breakers where greatest(failing_since, last_failure_at) > clock_timestamp() for update skip locked);
  update posthorn.breakers
  set
    failing_since = least(failing_since, clock_timestamp()),
    last_failure_at = case when last_failure_at is not null then least(last_failure_at, clock_timestamp()) end,
    open_until = open_until - step,
    probe_until = probe_until - step,
    throttled_until = throttled_until - step
  where key = any (lanes);
  lanes := array(
    select lane from posthorn.lane_rules where greatest(retry_at, rate_from) > clock_timestamp() for update skip locked);
  -- The webhook at the head of the lane is not sent before its own due_at.
  update posthorn.lane_rules
  set
    retry_at = case when retry_at > clock_timestamp() then retry_at - step else retry_at end,
    rate_from = case
      when rate_from is not null then least(rate_from, clock_timestamp() + interval '1 second' / rate_limit_per_s) end
  where lane = any (lanes);
  update posthorn.replays
  set
    moved_at = least(moved_at, clock_timestamp()),
    paced_until = case when paced_until > clock_timestamp() then paced_until - step else paced_until end
  where status in ('running', 'cancelling')
    and greatest(moved_at, paced_until) > clock_timestamp();
  update posthorn.workers
  set seen_at = clock_timestamp(), egress_down_since = case when egress_down_since is not null then least(egress_down_since, clock_timestamp()) end
  where greatest(seen_at, egress_down_since) > clock_timestamp();
  -- These were counted in minutes that come again.
  delete from posthorn.tallies where counted_at > clock_timestamp();
  delete from posthorn.samples where taken_at > clock_timestamp();
  update posthorn.alerts
  set
    since = least(since, clock_timestamp()),
    fired_at = case when fired_at is not null then least(fired_at, clock_timestamp()) end,
    told_at = case when told_at is not null then least(told_at, clock_timestamp()) end,
    clear_since = case when clear_since is not null then least(clear_since, clock_timestamp()) end
  where resolved_at is null
    and greatest(since, fired_at, told_at, clear_since) > clock_timestamp();
  -- Graphile Worker's times: jobs that were due, and the last run of each crontab task.
  if to_regclass('posthorn_graphile._private_jobs') is not null then
    execute $sql$
      update posthorn_graphile._private_jobs
      set run_at = greatest(run_at - $1, clock_timestamp())
      where run_at > clock_timestamp() and run_at <= $2 + interval '1 minute' and locked_at is null
    $sql$
    using step, known;
    execute $sql$
      update posthorn_graphile._private_known_crontabs
      set last_execution = date_trunc('minute', clock_timestamp())
      where last_execution > clock_timestamp()
    $sql$;
  end if;
  perform pg_notify('posthorn_wake', 'scan');
  return step;
end
$function$
;
revoke execute on function posthorn.watch_clock() from public;

CREATE OR REPLACE FUNCTION posthorn.webhook_id(event_id uuid, endpoint_id uuid)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (((encode("substring"(uuid_send(event_id), 1, 8), 'hex'::text) || '8'::text) || "left"(encode(sha256((uuid_send(event_id) || uuid_send(endpoint_id))), 'hex'::text), 15)))::uuid
;

-- Views

create view posthorn.events as
 SELECT id,
    tenant,
    event_type,
    body,
    headers,
    content_type,
    priority,
    send_at,
    max_attempts,
    idempotency_key,
    traceparent,
    created_at,
        CASE
            WHEN (NOT (EXISTS ( SELECT
               FROM posthorn.fan_outs f
              WHERE (f.event_id = o.id)))) THEN ( SELECT count(*) AS count
               FROM ( SELECT q.webhook_id
                       FROM posthorn.queue q
                      WHERE ((q.webhook_id >= posthorn.first_webhook_id(o.id)) AND (q.webhook_id <= posthorn.last_webhook_id(o.id)) AND (q.outbox_id = o.id))
                    UNION
                     SELECT e.webhook_id
                       FROM posthorn.outcomes e
                      WHERE ((e.webhook_id >= posthorn.first_webhook_id(o.id)) AND (e.webhook_id <= posthorn.last_webhook_id(o.id)) AND (e.outbox_id = o.id))) w)
            ELSE NULL::bigint
        END AS recipients
   FROM posthorn.outbox o
  WHERE (event_type IS NOT NULL);

create view posthorn.held_back as
 SELECT
        CASE
            WHEN (b.key = b.origin) THEN 'origin'::text
            WHEN (e.id IS NOT NULL) THEN 'endpoint'::text
            ELSE 'url'::text
        END AS level,
    COALESCE(NULLIF(e.description, ''::text), split_part(COALESCE(e.url, b.url), '?'::text, 1)) AS name,
    e.tenant,
    e.id AS endpoint_id,
    l.reason,
        CASE l.reason
            WHEN 'breaker'::text THEN b.failing_since
            WHEN 'origin_breaker'::text THEN b.failing_since
            WHEN 'throttled'::text THEN b.last_failure_at
            WHEN 'retry_of_the_first'::text THEN ( SELECT a.started_at
               FROM (posthorn.lane_rules r
                 JOIN posthorn.attempts a ON ((a.webhook_id = r.retry_of)))
              WHERE (r.lane = l.key)
              ORDER BY a.number DESC
             LIMIT 1)
            ELSE e.status_since
        END AS since,
    l.until,
    b.last_error,
    NULL::integer AS in_flight,
    NULL::integer AS slots,
    NULL::integer AS worker
   FROM ((posthorn.lane_blocks l
     LEFT JOIN posthorn.breakers b ON ((b.key = l.key)))
     LEFT JOIN posthorn.endpoints e ON ((e.lane = l.key)))
UNION ALL
 SELECT 'tenant'::text AS level,
    tenants.id AS name,
    tenants.id AS tenant,
    NULL::uuid AS endpoint_id,
    'full'::text AS reason,
    tenants.full_since AS since,
    NULL::timestamp with time zone AS until,
    NULL::text AS last_error,
    NULL::integer AS in_flight,
    NULL::integer AS slots,
    NULL::integer AS worker
   FROM posthorn.tenants
  WHERE (tenants.full_since IS NOT NULL)
UNION ALL
 SELECT g.level,
    COALESCE(g.name,
        CASE g.level
            WHEN 'tenant'::text THEN COALESCE(t.id, n.tenant)
            ELSE lower("substring"(n.url, '^[^/]*//[^/?]*'::text))
        END) AS name,
        CASE g.level
            WHEN 'tenant'::text THEN COALESCE(g.name, t.id, n.tenant)
            ELSE NULL::text
        END AS tenant,
    NULL::uuid AS endpoint_id,
    g.reason,
    g.since,
    NULL::timestamp with time zone AS until,
    NULL::text AS last_error,
    g.in_flight,
    g.slots,
    w.number AS worker
   FROM ((((posthorn.workers w
     JOIN posthorn.live_workers v ON ((v.number = w.number)))
     CROSS JOIN LATERAL jsonb_to_recordset(w.held_back) g(key bigint, level text, reason text, name text, lane bigint, since timestamp with time zone, in_flight integer, slots integer))
     LEFT JOIN posthorn.tenants t ON (((g.name IS NULL) AND (g.level = 'tenant'::text) AND (t.key = g.key))))
     LEFT JOIN LATERAL ( SELECT e.tenant,
            e.url
           FROM posthorn.endpoints e
          WHERE (e.lane = g.lane)
        UNION ALL
         SELECT o.tenant,
            o.url
           FROM (( SELECT q_1.outbox_id
                   FROM posthorn.queue q_1
                  WHERE ((q_1.priority < 1000) AND (q_1.lane = g.lane))
                 LIMIT 1) q
             CROSS JOIN LATERAL ( SELECT x.tenant,
                    x.url
                   FROM posthorn.outbox x
                  WHERE (x.id = q.outbox_id)
                 OFFSET 0) o)
 LIMIT 1) n ON ((g.name IS NULL)));

create view posthorn.lane_blocks as
 SELECT r.lane AS key,
        CASE
            WHEN (e.status = 'disabled'::posthorn.endpoint_status) THEN 'endpoint_disabled'::text
            WHEN ((e.status = 'active'::posthorn.endpoint_status) AND e.catching_up) THEN 'catching_up'::text
            ELSE 'endpoint_paused'::text
        END AS reason,
    NULL::timestamp with time zone AS until,
    true AS is_held,
    false AS is_brief
   FROM (posthorn.lane_rules r
     LEFT JOIN posthorn.endpoints e ON ((e.lane = r.lane)))
  WHERE r.is_held
UNION ALL
 SELECT lane_rules.lane AS key,
    'retry_of_the_first'::text AS reason,
    lane_rules.retry_at AS until,
    false AS is_held,
    false AS is_brief
   FROM posthorn.lane_rules
  WHERE (lane_rules.retry_at > now())
UNION ALL
 SELECT breakers.key,
        CASE
            WHEN (breakers.key = breakers.origin) THEN 'origin_breaker'::text
            ELSE 'breaker'::text
        END AS reason,
    breakers.open_until AS until,
    false AS is_held,
    false AS is_brief
   FROM posthorn.breakers
  WHERE (breakers.state = 'open'::posthorn.breaker_state)
UNION ALL
 SELECT breakers.key,
    'throttled'::text AS reason,
    breakers.throttled_until AS until,
    false AS is_held,
    COALESCE(((breakers.throttled_until - breakers.last_failure_at) <= '00:01:00'::interval), false) AS is_brief
   FROM posthorn.breakers
  WHERE (breakers.throttled_until > now());

create view posthorn.live_workers as
 SELECT w.number,
    w.host,
    w.pid,
    w.version,
    w.started_at,
    w.seen_at,
    l.pid AS backend_pid
   FROM (posthorn.workers w
     JOIN pg_locks l ON (((l.locktype = 'advisory'::text) AND (l.classid = (1886352244)::oid) AND (l.objid = (w.number)::oid) AND (l.objsubid = 2) AND l.granted AND (l.database = ( SELECT pg_database.oid
           FROM pg_database
          WHERE (pg_database.datname = current_database()))))));

create view posthorn.misruled_lanes as
 SELECT COALESCE(e.lane, r.lane) AS lane,
    e.id AS endpoint_id,
    e.tenant
   FROM (( SELECT endpoints.id,
            NULL::text AS tenant,
            endpoints.lane,
            ((endpoints.status <> 'active'::posthorn.endpoint_status) OR (endpoints.ordered AND endpoints.catching_up)) AS is_held,
            endpoints.ordered,
            false AS is_tenant,
            endpoints.max_in_flight,
            endpoints.rate_limit_per_s,
            ((endpoints.status <> 'deleted'::posthorn.endpoint_status) AND ((endpoints.status <> 'active'::posthorn.endpoint_status) OR endpoints.ordered OR (num_nonnulls(endpoints.max_in_flight, endpoints.rate_limit_per_s) > 0))) AS has_rule
           FROM posthorn.endpoints
        UNION ALL
         SELECT NULL::uuid,
            tenants.id,
            tenants.key,
            false,
            false,
            true,
            tenants.max_in_flight,
            tenants.rate_limit_per_s,
            (num_nonnulls(tenants.max_in_flight, tenants.rate_limit_per_s) > 0)
           FROM posthorn.tenants) e
     FULL JOIN posthorn.lane_rules r ON ((r.lane = e.lane)))
  WHERE
        CASE
            WHEN (e.lane IS NULL) THEN true
            WHEN (NOT e.has_rule) THEN (r.lane IS NOT NULL)
            ELSE (((((e.is_held IS DISTINCT FROM r.is_held) OR (e.ordered IS DISTINCT FROM r.is_ordered)) OR (e.is_tenant IS DISTINCT FROM r.is_tenant)) OR (e.max_in_flight IS DISTINCT FROM r.max_in_flight)) OR (e.rate_limit_per_s IS DISTINCT FROM r.rate_limit_per_s))
        END;

create view posthorn.new_events as
 SELECT NULL::uuid AS id,
    NULL::text AS tenant,
    NULL::text AS event_type,
    NULL::text AS body,
    NULL::jsonb AS headers,
    NULL::text AS content_type,
    NULL::text AS priority,
    NULL::timestamp with time zone AS send_at,
    NULL::integer AS max_attempts,
    NULL::text AS idempotency_key,
    NULL::text AS traceparent,
    NULL::timestamp with time zone AS created_at
  WHERE false;

create view posthorn.new_webhooks as
 SELECT NULL::uuid AS id,
    NULL::text AS url,
    NULL::uuid AS endpoint_id,
    NULL::text AS tenant,
    NULL::text AS body,
    NULL::jsonb AS headers,
    NULL::text AS secret,
    NULL::text AS content_type,
    NULL::text AS priority,
    NULL::timestamp with time zone AS send_at,
    NULL::integer AS max_attempts,
    NULL::text AS idempotency_key,
    NULL::text AS traceparent,
    NULL::timestamp with time zone AS created_at
  WHERE false;

create view posthorn.redacted_attempts as
 SELECT webhook_id,
    number,
    worker,
    started_at,
    finished_at,
    created_at,
    duration_ms,
    status_code,
    error,
    error_message,
    octet_length(response_body) AS response_body_bytes,
    response_truncated
   FROM posthorn.attempts;

create view posthorn.redacted_endpoints as
 SELECT id,
    lane,
    split_part(url, '?'::text, 1) AS url,
    description,
    (secret IS NOT NULL) AS has_secret,
    status,
    status_reason,
    status_since,
    max_in_flight,
    rate_limit_per_s,
    timeout_ms,
    retry_schedule_s,
    ordered,
    gone_answers,
    created_at,
    updated_at,
    public_key,
    (COALESCE(headers, '{}'::jsonb) <> '{}'::jsonb) AS has_headers,
        CASE
            WHEN starts_with(secret, 'sealed:'::text) THEN split_part(secret, ':'::text, 3)
            ELSE NULL::text
        END AS sealed_with,
    COALESCE(jsonb_array_length(
        CASE jsonb_typeof(former_secrets)
            WHEN 'array'::text THEN former_secrets
            ELSE NULL::jsonb
        END), 0) AS former_secrets,
    tenant,
    catching_up,
    origin
   FROM posthorn.endpoints;

create view posthorn.redacted_events as
 SELECT id,
    tenant,
    event_type,
    octet_length(body) AS body_bytes,
    content_type,
    priority,
    send_at,
    max_attempts,
    idempotency_key,
    traceparent,
    created_at,
    recipients
   FROM posthorn.events;

create view posthorn.redacted_outbox as
 SELECT id,
    split_part(url, '?'::text, 1) AS url,
    endpoint_id,
    octet_length(body) AS body_bytes,
    (secret IS NOT NULL) AS has_secret,
    content_type,
    priority,
    send_at,
    max_attempts,
    idempotency_key,
    traceparent,
    created_at,
    event_type,
    tenant
   FROM posthorn.outbox;

create view posthorn.redacted_webhooks as
 SELECT id,
    split_part(url, '?'::text, 1) AS url,
    endpoint_id,
    status,
    attempts,
    created_at,
    next_attempt_at,
    waits_for,
    finished_at,
    last_status_code,
    last_error,
    reason,
    priority,
    send_at,
    max_attempts,
    idempotency_key,
    content_type,
    body_bytes,
    lane,
    tenant,
    event_id,
    event_type
   FROM posthorn.webhooks;

create view posthorn.secret_keys as
 SELECT key.key_id,
    (count(DISTINCT secrets.id))::integer AS endpoints
   FROM (( SELECT endpoints.id,
            endpoints.secret AS kept
           FROM posthorn.endpoints
          WHERE (endpoints.secret IS NOT NULL)
        UNION ALL
         SELECT e.id,
            (former.value ->> 'secret'::text)
           FROM (posthorn.endpoints e
             CROSS JOIN LATERAL jsonb_array_elements(
                CASE jsonb_typeof(e.former_secrets)
                    WHEN 'array'::text THEN e.former_secrets
                    ELSE '[]'::jsonb
                END) former(value))
        UNION ALL
         SELECT endpoints.id,
                CASE jsonb_typeof(endpoints.headers)
                    WHEN 'string'::text THEN (endpoints.headers #>> '{}'::text[])
                    ELSE ''::text
                END AS "case"
           FROM posthorn.endpoints
          WHERE (endpoints.headers <> '{}'::jsonb)) secrets
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN starts_with(secrets.kept, 'sealed:'::text) THEN split_part(secrets.kept, ':'::text, 3)
                    ELSE NULL::text
                END AS key_id) key)
  GROUP BY key.key_id;

create view posthorn.stray_subscriptions as
 SELECT s.id,
    s.endpoint_id
   FROM (posthorn.subscriptions s
     LEFT JOIN posthorn.endpoints e ON ((e.id = s.endpoint_id)))
  WHERE ((e.id IS NULL) OR (s.is_live <> ((s.ended_at IS NULL) AND (e.status = ANY (ARRAY['active'::posthorn.endpoint_status, 'paused'::posthorn.endpoint_status])))) OR ((s.ended_at IS NULL) AND ((e.status = 'deleted'::posthorn.endpoint_status) OR (s.tenant <> e.tenant) OR (s.is_ordered <> e.ordered))));

create view posthorn.webhooks as
 SELECT w.webhook_id AS id,
    COALESCE(o.url, ( SELECT p.url
           FROM posthorn.endpoints p
          WHERE (p.lane = w.lane))) AS url,
        CASE
            WHEN (o.url IS NULL) THEN COALESCE(o.endpoint_id, ( SELECT p.id
               FROM posthorn.endpoints p
              WHERE (p.lane = w.lane)))
            ELSE NULL::uuid
        END AS endpoint_id,
    w.status,
    w.attempts,
    o.created_at,
        CASE
            WHEN (w.status = 'pending'::posthorn.webhook_status) THEN ( SELECT
                    CASE
                        WHEN (count(*) = count(l.until)) THEN GREATEST(w.due_at, max(l.until))
                        ELSE NULL::timestamp with time zone
                    END AS "case"
               FROM posthorn.lane_blocks l
              WHERE (l.key = ANY (ARRAY[w.lane, w.origin])))
            ELSE NULL::timestamp with time zone
        END AS next_attempt_at,
        CASE
            WHEN (w.status = 'pending'::posthorn.webhook_status) THEN COALESCE(( SELECT l.reason
               FROM posthorn.lane_blocks l
              WHERE ((l.key = ANY (ARRAY[w.lane, w.origin])) AND (l.is_held OR (w.due_at <= now())))
              ORDER BY l.until DESC
             LIMIT 1),
            CASE
                WHEN (w.due_at > now()) THEN 'due_time'::text
                ELSE NULL::text
            END, ( SELECT (g.level || '_slots'::text)
               FROM (posthorn.workers k
                 CROSS JOIN LATERAL jsonb_to_recordset(k.held_back) g(key bigint, level text))
              WHERE ((k.held_back <> '[]'::jsonb) AND (g.key = ANY (ARRAY[w.tenant_key, w.origin])))
              ORDER BY g.level DESC
             LIMIT 1), 'slot'::text)
            ELSE NULL::text
        END AS waits_for,
    w.finished_at,
    COALESCE(w.last_status_code, ( SELECT a.status_code
           FROM posthorn.attempts a
          WHERE (a.webhook_id = w.webhook_id)
          ORDER BY a.number DESC
         LIMIT 1)) AS last_status_code,
    ( SELECT a.error
           FROM posthorn.attempts a
          WHERE (a.webhook_id = w.webhook_id)
          ORDER BY a.number DESC
         LIMIT 1) AS last_error,
    w.reason,
    o.priority,
    o.send_at,
    o.max_attempts,
    o.idempotency_key,
    o.content_type,
    octet_length(o.body) AS body_bytes,
    w.lane,
    COALESCE(NULLIF(
        CASE
            WHEN (o.event_type IS NULL) THEN o.tenant
            ELSE NULL::text
        END, ''::text), ( SELECT p.tenant
           FROM posthorn.endpoints p
          WHERE ((p.lane = w.lane) AND (o.url IS NULL))), o.tenant) AS tenant,
    o.id AS event_id,
    o.event_type
   FROM (( SELECT queue.webhook_id,
            queue.outbox_id,
            queue.lane,
            (
                CASE
                    WHEN (queue.lease_until > now()) THEN 'delivering'::text
                    ELSE 'pending'::text
                END)::posthorn.webhook_status AS status,
            queue.attempts,
            queue.due_at,
            NULL::timestamp with time zone AS finished_at,
            NULL::smallint AS last_status_code,
            NULL::text AS reason,
            COALESCE(queue.origin, ( SELECT p.origin
                   FROM posthorn.endpoints p
                  WHERE (p.lane = queue.lane))) AS origin,
                CASE
                    WHEN (queue.origin IS NULL) THEN ( SELECT p.tenant_key
                       FROM posthorn.endpoints p
                      WHERE (p.lane = queue.lane))
                    ELSE queue.tenant_key
                END AS tenant_key
           FROM posthorn.queue
        UNION ALL
         SELECT outcomes.webhook_id,
            outcomes.outbox_id,
            outcomes.lane,
            outcomes.status,
            outcomes.attempts,
            NULL::timestamp with time zone,
            outcomes.finished_at,
            outcomes.last_status_code,
            outcomes.reason,
            NULL::bigint,
            NULL::bigint
           FROM posthorn.outcomes) w
     JOIN posthorn.outbox o ON (((o.id >= w.outbox_id) AND (o.id <= w.outbox_id) AND (w.webhook_id >= posthorn.first_webhook_id(o.id)) AND (w.webhook_id <= posthorn.last_webhook_id(o.id)))));

-- Triggers

CREATE TRIGGER endpoint_changes BEFORE UPDATE ON posthorn.endpoints FOR EACH ROW EXECUTE FUNCTION posthorn.endpoint_changes();

CREATE TRIGGER endpoint_public_key_on_insert BEFORE INSERT ON posthorn.endpoints FOR EACH ROW WHEN (("left"(new.secret, 5) = 'whsk_'::text)) EXECUTE FUNCTION posthorn.endpoint_public_key();

CREATE TRIGGER endpoint_public_key_on_update BEFORE UPDATE OF secret ON posthorn.endpoints FOR EACH ROW WHEN (((new.secret IS NULL) OR ("left"(new.secret, 7) <> 'sealed:'::text))) EXECUTE FUNCTION posthorn.endpoint_public_key();

CREATE TRIGGER endpoint_rules BEFORE INSERT OR UPDATE ON posthorn.endpoints FOR EACH ROW EXECUTE FUNCTION posthorn.endpoint_keeps_rules();
alter table posthorn.endpoints enable always trigger endpoint_rules;

CREATE TRIGGER endpoint_to_lane_rule_on_delete AFTER DELETE ON posthorn.endpoints FOR EACH ROW EXECUTE FUNCTION posthorn.endpoint_to_lane_rule();

CREATE TRIGGER endpoint_to_lane_rule_on_insert AFTER INSERT ON posthorn.endpoints FOR EACH ROW WHEN (((new.status <> 'active'::posthorn.endpoint_status) OR (new.max_in_flight IS NOT NULL) OR (new.rate_limit_per_s IS NOT NULL) OR new.ordered)) EXECUTE FUNCTION posthorn.endpoint_to_lane_rule();

CREATE TRIGGER endpoint_to_lane_rule_on_update AFTER UPDATE ON posthorn.endpoints FOR EACH ROW WHEN (((((((old.status IS DISTINCT FROM new.status) OR (old.max_in_flight IS DISTINCT FROM new.max_in_flight)) OR (old.rate_limit_per_s IS DISTINCT FROM new.rate_limit_per_s)) OR (old.ordered IS DISTINCT FROM new.ordered)) OR ((old.catching_up AND old.ordered) IS DISTINCT FROM (new.catching_up AND new.ordered))) OR (old.origin IS DISTINCT FROM new.origin))) EXECUTE FUNCTION posthorn.endpoint_to_lane_rule();

CREATE TRIGGER endpoint_to_subscriptions AFTER UPDATE ON posthorn.endpoints FOR EACH ROW WHEN (((old.status IS DISTINCT FROM new.status) OR (old.ordered IS DISTINCT FROM new.ordered))) EXECUTE FUNCTION posthorn.endpoint_to_subscriptions();

CREATE TRIGGER insert_new_event INSTEAD OF INSERT ON posthorn.new_events FOR EACH ROW EXECUTE FUNCTION posthorn.insert_new_event();

CREATE TRIGGER insert_new_webhook INSTEAD OF INSERT ON posthorn.new_webhooks FOR EACH ROW EXECUTE FUNCTION posthorn.insert_new_webhook();

CREATE TRIGGER outbox_to_queue AFTER INSERT ON posthorn.outbox REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION posthorn.outbox_to_queue();

CREATE TRIGGER outbox_id_is_given BEFORE INSERT ON posthorn.outbox_default FOR EACH ROW WHEN ((new.id IS NULL)) EXECUTE FUNCTION posthorn.outbox_id_is_given();

CREATE TRIGGER subscription_changes BEFORE INSERT OR DELETE OR UPDATE ON posthorn.subscriptions FOR EACH ROW EXECUTE FUNCTION posthorn.subscription_changes();

CREATE TRIGGER tenant_changes BEFORE UPDATE ON posthorn.tenants FOR EACH ROW WHEN ((old.max_waiting IS DISTINCT FROM new.max_waiting)) EXECUTE FUNCTION posthorn.tenant_changes();

CREATE TRIGGER tenant_to_lane_rule_on_delete AFTER DELETE ON posthorn.tenants FOR EACH ROW WHEN (((old.max_in_flight IS NOT NULL) OR (old.rate_limit_per_s IS NOT NULL))) EXECUTE FUNCTION posthorn.tenant_to_lane_rule();

CREATE TRIGGER tenant_to_lane_rule_on_insert AFTER INSERT ON posthorn.tenants FOR EACH ROW WHEN (((new.max_in_flight IS NOT NULL) OR (new.rate_limit_per_s IS NOT NULL))) EXECUTE FUNCTION posthorn.tenant_to_lane_rule();

CREATE TRIGGER tenant_to_lane_rule_on_update AFTER UPDATE ON posthorn.tenants FOR EACH ROW WHEN ((((old.max_in_flight IS DISTINCT FROM new.max_in_flight) OR (old.rate_limit_per_s IS DISTINCT FROM new.rate_limit_per_s)) OR ((old.id <> new.id) AND ((new.max_in_flight IS NOT NULL) OR (new.rate_limit_per_s IS NOT NULL))))) EXECUTE FUNCTION posthorn.tenant_to_lane_rule();

-- Comments

comment on column posthorn.alert_watch.evaluated_at is 'When the rules were last evaluated.';

comment on column posthorn.alert_watch.is_only is 'Always true: the table has one row.';

comment on column posthorn.alert_watch.oldest_xmin is 'The oldest transaction whose rows vacuum must keep.';

comment on column posthorn.alert_watch.oldest_xmin_since is 'Since when it is this one.';

comment on column posthorn.alerts.clear_since is 'Since when the rule is no longer true. Null: it is.';

comment on column posthorn.alerts.detail is 'For programs.';

comment on column posthorn.alerts.fired_at is 'When it fired. Null: not yet, because it may pass by itself.';

comment on column posthorn.alerts.id is 'UUID v7 of the alert.';

comment on column posthorn.alerts.resolved_at is 'When it ended. Null: it has not.';

comment on column posthorn.alerts.rule is 'The name of the rule, as in docs/alerts.md.';

comment on column posthorn.alerts.severity is 'warning or critical.';

comment on column posthorn.alerts.since is 'When the rule was first true.';

comment on column posthorn.alerts.step is 'How often it was announced.';

comment on column posthorn.alerts.subject is 'What it is about: the id of an endpoint, a lane, or empty.';

comment on column posthorn.alerts.summary is 'For people. Without query strings, bodies and secrets.';

comment on column posthorn.alerts.told_at is 'When it was last announced.';

comment on column posthorn.api_keys.created_at is 'When it was made.';

comment on column posthorn.api_keys.expires_at is 'From when on it is refused. Null: never.';

comment on column posthorn.api_keys.hash is 'The SHA-256 of the key.';

comment on column posthorn.api_keys.id is 'UUID v7 of the key.';

comment on column posthorn.api_keys.last_used_at is 'When it was last used, to about a minute.';

comment on column posthorn.api_keys.name is 'For people: who has it.';

comment on column posthorn.api_keys.prefix is 'The beginning of the key, by which people recognise it.';

comment on column posthorn.api_keys.revoked_at is 'When it was revoked. Null: it was not.';

comment on column posthorn.api_keys.scopes is 'What it may do: read, send, manage.';

comment on column posthorn.attempts.created_at is 'When the row was written, before the request.';

comment on column posthorn.attempts.duration_ms is 'How long the request took.';

comment on column posthorn.attempts.error is 'Why it failed, as a code. Null: it succeeded, or has not ended.';

comment on column posthorn.attempts.error_message is 'The same for people.';

comment on column posthorn.attempts.finished_at is 'When it ended. Null: it has not ended, or its end is not known yet.';

comment on column posthorn.attempts.number is 'The first attempt of a webhook is 1.';

comment on column posthorn.attempts.response_body is 'The beginning of the answer, at most 16 KiB.';

comment on column posthorn.attempts.response_truncated is 'Whether the answer was longer than response_body shows.';

comment on column posthorn.attempts.started_at is 'When the request began.';

comment on column posthorn.attempts.status_code is 'The status of the answer. Null: there was none.';

comment on column posthorn.attempts.webhook_id is 'The id of the webhook.';

comment on column posthorn.attempts.worker is 'The number of the worker.';

comment on column posthorn.breakers.consecutive is 'Failures in a row.';

comment on column posthorn.breakers.failing_since is 'When the first of these failures happened.';

comment on column posthorn.breakers.key is 'The key of a lane or of an origin.';

comment on column posthorn.breakers.last_error is 'The code of the latest failure.';

comment on column posthorn.breakers.last_failure_at is 'When the latest failure happened.';

comment on column posthorn.breakers.only_lane is 'Of an origin: the only lane that has failed since it last answered. Null: several have.';

comment on column posthorn.breakers.open_until is 'From when on one webhook is sent as a probe.';

comment on column posthorn.breakers.origin is 'The key of the origin of the lane. Of an origin: its own key.';

comment on column posthorn.breakers.probe_attempt is 'The number of its attempt.';

comment on column posthorn.breakers.probe_until is 'Until when a probe is on its way, and no other is sent.';

comment on column posthorn.breakers.probe_webhook is 'The webhook that is the probe.';

comment on column posthorn.breakers.state is 'closed: failures are being counted. open: nothing is sent but probes.';

comment on column posthorn.breakers.throttled_until is 'Nothing at all is sent before this time, because the receiver answered 429 or 503 with Retry-After.';

comment on column posthorn.breakers.trips is 'How often it has opened since the last success.';

comment on column posthorn.breakers.url is 'For people: a URL of the lane without its query, or scheme, host and port of the origin.';

comment on column posthorn.brought_forward.attempts is 'Its attempts after the change.';

comment on column posthorn.brought_forward.brought_to is 'When it was due after the change.';

comment on column posthorn.brought_forward.due_at is 'When the webhook was due before.';

comment on column posthorn.brought_forward.replay_id is 'The replay.';

comment on column posthorn.brought_forward.retry_at is 'Until when its ordered lane waited before. Null: the replay did not change it.';

comment on column posthorn.brought_forward.webhook_id is 'The webhook that it made due.';

comment on column posthorn.catch_ups.awaited is 'Transactions that ran at the start. Once they have ended, the events are read once more.';

comment on column posthorn.catch_ups.by_present_subscriptions is 'Whether a subscription that was made after an event counts as well.';

comment on column posthorn.catch_ups.created_at is 'When it began.';

comment on column posthorn.catch_ups.endpoint_id is 'The endpoint that catches up.';

comment on column posthorn.catch_ups.finished_at is 'When it ended. Null: it is running.';

comment on column posthorn.catch_ups.id is 'UUID v7 of the catch-up.';

comment on column posthorn.catch_ups.moved_at is 'When a worker last worked on it.';

comment on column posthorn.catch_ups.paced_until is 'Until when the webhooks added so far fill the rate.';

comment on column posthorn.catch_ups.rate_limit_per_s is 'The most webhooks a second. Null: as fast as the job is.';

comment on column posthorn.catch_ups.read_count is 'How many events were looked at.';

comment on column posthorn.catch_ups.since is 'Events that were published from this time on.';

comment on column posthorn.catch_ups.status is 'running, finished or cancelled.';

comment on column posthorn.catch_ups.walked_to is 'The last event that was looked at.';

comment on column posthorn.catch_ups.webhooks is 'How many webhooks were added to the queue.';

comment on column posthorn.clock.is_only is 'Always true: the table has one row.';

comment on column posthorn.clock.seen_at is 'The time when the clock was last checked. It is close to now unless the clock was set back.';

comment on column posthorn.definitions.created_at is 'When it was created.';

comment on column posthorn.definitions.hash is 'The SHA-256 of the file, in hex.';

comment on column posthorn.definitions.name is 'The name of the function or view, and of its file.';

comment on column posthorn.definitions.version is 'The version of Posthorn that the file is from.';

comment on column posthorn.endpoints.catching_up is 'Whether it is getting the events that it has missed.';

comment on column posthorn.endpoints.created_at is 'When it was registered.';

comment on column posthorn.endpoints.description is 'For people: its name, for example.';

comment on column posthorn.endpoints.former_secrets is 'Secrets that were replaced and still sign until their expires_at, newest first. Written by the rotation.';

comment on column posthorn.endpoints.gone_answers is 'Answers 410 since its last success. The second one disables it.';

comment on column posthorn.endpoints.headers is 'Sent with each of its webhooks: a JSON object of strings. Headers of a webhook override them.';

comment on column posthorn.endpoints.id is 'UUID v7. Leave it out: it has a default.';

comment on column posthorn.endpoints.lane is 'The key by which the queue names it.';

comment on column posthorn.endpoints.max_in_flight is 'The most requests at a time, of all workers together. Null: as many as it turns out to handle.';

comment on column posthorn.endpoints.ordered is 'Whether its webhooks are sent one at a time, in the order of sending.';

comment on column posthorn.endpoints.origin is 'The key of scheme, host and port of its URL.';

comment on column posthorn.endpoints.public_key is 'The public key of an Ed25519 secret, for receivers. It is not secret.';

comment on column posthorn.endpoints.rate_limit_per_s is 'The most requests a second, of all workers together. Null: no limit.';

comment on column posthorn.endpoints.retry_schedule_s is 'Seconds before each retry. Null: POSTHORN_RETRY_SCHEDULE. Empty: no retry.';

comment on column posthorn.endpoints.secret is 'Signs its webhooks. An encrypted one begins with sealed:. Null: they are not signed.';

comment on column posthorn.endpoints.status is 'active, paused, disabled or deleted. Nothing is sent unless it is active.';

comment on column posthorn.endpoints.status_reason is 'Why it is not active: by_request, failing or gone.';

comment on column posthorn.endpoints.status_since is 'When its status last changed.';

comment on column posthorn.endpoints.tenant is 'The customer whose events it can receive. It cannot be changed. Empty: the application itself.';

comment on column posthorn.endpoints.tenant_key is 'The key of its tenant. Null: the application itself.';

comment on column posthorn.endpoints.timeout_ms is 'How long a request may take. Null: POSTHORN_TIMEOUT.';

comment on column posthorn.endpoints.updated_at is 'When its settings last changed.';

comment on column posthorn.endpoints.url is 'Where its webhooks go: an http or https URL.';

comment on column posthorn.event_types.created_at is 'When the row was written.';

comment on column posthorn.event_types.deprecated_at is 'Since when it is deprecated. Null: it is not.';

comment on column posthorn.event_types.description is 'For people: what it means, and when it is published.';

comment on column posthorn.event_types.example is 'An example of the body.';

comment on column posthorn.event_types.name is 'The type, such as order.paid.';

comment on column posthorn.event_types.schema is 'A JSON Schema (2020-12) of the body.';

comment on column posthorn.event_types.updated_at is 'When it last changed.';

comment on column posthorn.events.body is 'What is sent, byte for byte: text up to 1 MiB.';

comment on column posthorn.events.content_type is 'The media type of the body.';

comment on column posthorn.events.created_at is 'When it was published.';

comment on column posthorn.events.event_type is 'Words with dots between them, such as order.paid.';

comment on column posthorn.events.headers is 'Request headers: a JSON object of strings.';

comment on column posthorn.events.id is 'UUID v7. It is what the header webhook-id says. Leave it out in INSERT: it has a default.';

comment on column posthorn.events.idempotency_key is 'At most one webhook or event per key of a tenant, for 7 days.';

comment on column posthorn.events.max_attempts is '1 to 100. Null: as many as the retry schedule has.';

comment on column posthorn.events.priority is 'high, normal or low.';

comment on column posthorn.events.recipients is 'How many endpoints it went to. Null: a job is still adding them.';

comment on column posthorn.events.send_at is 'The earliest time to send it. Null: at once.';

comment on column posthorn.events.tenant is 'Your own id of the customer. Empty: the application itself. * means all tenants.';

comment on column posthorn.events.traceparent is 'W3C Trace Context, passed on to the receivers.';

comment on column posthorn.fan_outs.event_id is 'The event.';

comment on column posthorn.fan_outs.moved_at is 'When a worker last worked on it.';

comment on column posthorn.fan_outs.published_at is 'When it was published.';

comment on column posthorn.fan_outs.published_in is 'The transaction that published it.';

comment on column posthorn.fan_outs.recipients is 'How many webhooks have been added to the queue so far.';

comment on column posthorn.fan_outs.seen is 'The snapshot of the statement that published it: its recipients had subscribed then.';

comment on column posthorn.fan_outs.walked_to is 'The last endpoint that was looked at.';

comment on column posthorn.former_outcomes.attempts is 'How many attempts it had taken.';

comment on column posthorn.former_outcomes.finished_at is 'When it had ended.';

comment on column posthorn.former_outcomes.lane is 'The key of the endpoint, or of the URL without its query.';

comment on column posthorn.former_outcomes.last_status_code is 'The status of the last answer then. Null: there was none.';

comment on column posthorn.former_outcomes.outbox_id is 'The row of the outbox: the event, or the webhook itself.';

comment on column posthorn.former_outcomes.reason is 'Why it had ended so, as a code.';

comment on column posthorn.former_outcomes.replay_id is 'The replay that resent it. Null: it was resent by itself.';

comment on column posthorn.former_outcomes.replayed_at is 'When it was resent.';

comment on column posthorn.former_outcomes.status is 'How it had ended: delivered, failed or cancelled.';

comment on column posthorn.former_outcomes.webhook_id is 'The id of the webhook.';

comment on column posthorn.held_back.endpoint_id is 'The registered endpoint. Null: it is none.';

comment on column posthorn.held_back.in_flight is 'How many requests a worker has to it now.';

comment on column posthorn.held_back.last_error is 'The code of the latest failure.';

comment on column posthorn.held_back.level is 'What is held back: endpoint, url, origin or tenant.';

comment on column posthorn.held_back.name is 'Its name: the description of an endpoint or its URL, the URL, the origin or the tenant.';

comment on column posthorn.held_back.reason is 'Why, as a code: docs/history.md lists the reasons.';

comment on column posthorn.held_back.since is 'Since when.';

comment on column posthorn.held_back.slots is 'How many it may have.';

comment on column posthorn.held_back.tenant is 'The tenant that it belongs to. Null: none, or not known.';

comment on column posthorn.held_back.until is 'Until when. Null: not known, or until somebody acts.';

comment on column posthorn.held_back.worker is 'The worker that holds it back. Null: all of them.';

comment on column posthorn.history.is_only is 'Always true: the table has one row.';

comment on column posthorn.history.whole_from is 'The first day (UTC) of which the history is complete.';

comment on column posthorn.idempotency_keys.expires_at is 'From when on it is free again.';

comment on column posthorn.idempotency_keys.key is 'The key.';

comment on column posthorn.idempotency_keys.outbox_id is 'The webhook or event that it stands for.';

comment on column posthorn.idempotency_keys.tenant is 'Each tenant has its own keys. Empty: the application itself.';

comment on column posthorn.identity.database_oid is 'The oid of the database.';

comment on column posthorn.identity.environment is 'POSTHORN_ENVIRONMENT of the workers. Null: not set.';

comment on column posthorn.identity.held_because is 'The reason that was given.';

comment on column posthorn.identity.held_since is 'Since when posthorn.hold() holds the database. Null: it does not.';

comment on column posthorn.identity.is_only is 'Always true: the table has one row.';

comment on column posthorn.identity.recorded_at is 'When a worker recorded it.';

comment on column posthorn.identity.system_identifier is 'The identifier of the server. Null: not recorded yet, or not visible.';

comment on column posthorn.lane_blocks.is_brief is 'Whether the receiver asked for a pause of at most a minute.';

comment on column posthorn.lane_blocks.is_held is 'Whether somebody must act, or a catch-up must end.';

comment on column posthorn.lane_blocks.key is 'The key of the lane or of the origin.';

comment on column posthorn.lane_blocks.reason is 'Why nothing is sent: endpoint_paused, endpoint_disabled, catching_up, retry_of_the_first, breaker, origin_breaker or throttled.';

comment on column posthorn.lane_blocks.until is 'Until when. Null: until somebody acts, or it has caught up.';

comment on column posthorn.lane_rules.is_held is 'Whether nothing is sent: it is paused, disabled, or ordered and catching up.';

comment on column posthorn.lane_rules.is_ordered is 'Whether it is ordered.';

comment on column posthorn.lane_rules.is_tenant is 'Whether it is a tenant, for all of whose endpoints the limits hold.';

comment on column posthorn.lane_rules.lane is 'The key of the endpoint or of the tenant.';

comment on column posthorn.lane_rules.max_in_flight is 'The most requests at a time. Null: no limit.';

comment on column posthorn.lane_rules.owner is 'The number of the only worker that sends to it. Null: none owns it.';

comment on column posthorn.lane_rules.rate_from is 'Nothing is sent before this time, because the recent requests of the former owner are not known.';

comment on column posthorn.lane_rules.rate_limit_per_s is 'The most requests a second. Null: no limit.';

comment on column posthorn.lane_rules.retry_at is 'Of an ordered endpoint: when its first webhook is tried again.';

comment on column posthorn.lane_rules.retry_of is 'That webhook.';

comment on column posthorn.live_workers.backend_pid is 'The Postgres process of its session.';

comment on column posthorn.live_workers.host is 'The name of its machine.';

comment on column posthorn.live_workers.number is 'The number of the worker.';

comment on column posthorn.live_workers.pid is 'The id of its process.';

comment on column posthorn.live_workers.seen_at is 'When it last reported.';

comment on column posthorn.live_workers.started_at is 'When it started.';

comment on column posthorn.live_workers.version is 'Its version of Posthorn.';

comment on column posthorn.maintenance_runs.detail is 'Its result.';

comment on column posthorn.maintenance_runs.duration_ms is 'How long it took.';

comment on column posthorn.maintenance_runs.ended_at is 'When it last succeeded.';

comment on column posthorn.maintenance_runs.task is 'The name of the task.';

comment on column posthorn.misruled_lanes.endpoint_id is 'The endpoint. Null: it is a tenant, or the endpoint is gone.';

comment on column posthorn.misruled_lanes.lane is 'The key of the endpoint or of the tenant.';

comment on column posthorn.misruled_lanes.tenant is 'The tenant. Null: it is an endpoint, or the tenant is gone.';

comment on column posthorn.new_events.body is 'What is sent, byte for byte: text up to 1 MiB. Required.';

comment on column posthorn.new_events.content_type is 'NULL: application/json.';

comment on column posthorn.new_events.created_at is 'Ignored in INSERT. RETURNING shows when it was created.';

comment on column posthorn.new_events.event_type is 'Words with dots between them, such as order.paid. Required.';

comment on column posthorn.new_events.headers is 'Request headers: a JSON object of strings. NULL, JSON null and [] mean none.';

comment on column posthorn.new_events.id is 'Leave it out or NULL. A UUID v7 of the last 30 seconds is taken; any other id is replaced, and RETURNING shows which it became.';

comment on column posthorn.new_events.idempotency_key is 'At most one webhook or event per key of a tenant, for 7 days: a known key inserts nothing, and RETURNING shows the id of the first.';

comment on column posthorn.new_events.max_attempts is '1 to 100. NULL: as many as the retry schedule has.';

comment on column posthorn.new_events.priority is 'high, normal or low. NULL: normal.';

comment on column posthorn.new_events.send_at is 'The earliest time to send it, less than 366 days ahead. NULL: at once.';

comment on column posthorn.new_events.tenant is 'Your own id of the customer whose endpoints receive it; * is all tenants. NULL or empty: the application itself.';

comment on column posthorn.new_events.traceparent is 'W3C Trace Context, passed on to the receivers.';

comment on column posthorn.new_webhooks.body is 'What is sent, byte for byte: text up to 1 MiB. Required.';

comment on column posthorn.new_webhooks.content_type is 'NULL: application/json.';

comment on column posthorn.new_webhooks.created_at is 'Ignored in INSERT. RETURNING shows when it was created.';

comment on column posthorn.new_webhooks.endpoint_id is 'A registered endpoint (posthorn.endpoints) instead of a url.';

comment on column posthorn.new_webhooks.headers is 'Request headers: a JSON object of strings. NULL, JSON null and [] mean none.';

comment on column posthorn.new_webhooks.id is 'Leave it out or NULL. A UUID v7 of today is taken; any other id is replaced, and RETURNING shows which it became.';

comment on column posthorn.new_webhooks.idempotency_key is 'At most one webhook or event per key of a tenant, for 7 days: a known key inserts nothing, and RETURNING shows the id of the first.';

comment on column posthorn.new_webhooks.max_attempts is '1 to 100. NULL: as many as the retry schedule has.';

comment on column posthorn.new_webhooks.priority is 'high, normal or low. NULL: normal.';

comment on column posthorn.new_webhooks.secret is 'Signs the request. NULL: the secret of the endpoint.';

comment on column posthorn.new_webhooks.send_at is 'The earliest time to send it, less than 366 days ahead. NULL: at once.';

comment on column posthorn.new_webhooks.tenant is 'Your own id of the customer. NULL or empty: the application itself.';

comment on column posthorn.new_webhooks.traceparent is 'W3C Trace Context, passed on to the receiver.';

comment on column posthorn.new_webhooks.url is 'An http or https URL. Each row has either a url or an endpoint_id.';

comment on column posthorn.outbox.body is 'What is sent, byte for byte: text up to 1 MiB. Required.';

comment on column posthorn.outbox.content_type is 'The media type of the body.';

comment on column posthorn.outbox.created_at is 'When it was inserted. It has a default.';

comment on column posthorn.outbox.endpoint_id is 'The registered endpoint that a webhook goes to, instead of a url.';

comment on column posthorn.outbox.event_type is 'The type of an event, such as order.paid. It goes to all endpoints of the tenant that subscribe to it.';

comment on column posthorn.outbox.headers is 'Request headers: a JSON object of strings.';

comment on column posthorn.outbox.id is 'UUID v7. Leave it out: it has a default.';

comment on column posthorn.outbox.idempotency_key is 'At most one webhook or event per key of a tenant, for 7 days.';

comment on column posthorn.outbox.max_attempts is '1 to 100. Null: as many as the retry schedule has.';

comment on column posthorn.outbox.priority is 'high, normal or low.';

comment on column posthorn.outbox.secret is 'Signs the request, instead of the secret of the endpoint. Not for events.';

comment on column posthorn.outbox.send_at is 'The earliest time to send it, less than 366 days ahead. Null: at once.';

comment on column posthorn.outbox.signed_as is 'The endpoint whose secret signs a test that goes directly to its URL. Not for producers.';

comment on column posthorn.outbox.tenant is 'Your own id of the customer. Empty: the application itself. For an event, * means all tenants.';

comment on column posthorn.outbox.traceparent is 'W3C Trace Context, passed on to the receiver.';

comment on column posthorn.outbox.url is 'Where a webhook goes: an http or https URL. Each row has one of url, endpoint_id and event_type.';

comment on column posthorn.outcomes.attempts is 'How many attempts it took.';

comment on column posthorn.outcomes.finished_at is 'When it ended.';

comment on column posthorn.outcomes.lane is 'The key of the endpoint, or of the URL without its query.';

comment on column posthorn.outcomes.last_status_code is 'The status of the last answer. Null: there was none.';

comment on column posthorn.outcomes.outbox_id is 'The row of the outbox: the event, or the webhook itself.';

comment on column posthorn.outcomes.reason is 'Why it ended so, as a code.';

comment on column posthorn.outcomes.status is 'delivered, failed or cancelled.';

comment on column posthorn.outcomes.webhook_id is 'The id of the webhook.';

comment on column posthorn.queue.attempts is 'The attempts so far.';

comment on column posthorn.queue.due_at is 'When it may be sent next.';

comment on column posthorn.queue.lane is 'The key of the endpoint, or of the URL without its query.';

comment on column posthorn.queue.lease_until is 'Until when a worker may send it. In the past or null: it is free.';

comment on column posthorn.queue.leased_by is 'The number of the worker that has the lease.';

comment on column posthorn.queue.origin is 'The key of scheme, host and port of a URL. Null: the one of the registered endpoint.';

comment on column posthorn.queue.outbox_id is 'The row of the outbox: the event, or the webhook itself.';

comment on column posthorn.queue.past_attempts is 'Attempts before it was resent. They do not count for the retry schedule.';

comment on column posthorn.queue.priority is '0 high, 1 normal, 2 low.';

comment on column posthorn.queue.tenant_key is 'The key of the tenant of a webhook to a URL. Null: the one of the registered endpoint, or none.';

comment on column posthorn.queue.uncounted is 'Attempts that were not the fault of the webhook or its receiver, such as those of a killed worker. They do not count.';

comment on column posthorn.queue.webhook_id is 'The id of the webhook.';

comment on column posthorn.redacted_attempts.created_at is 'When the row was written, before the request.';

comment on column posthorn.redacted_attempts.duration_ms is 'How long the request took.';

comment on column posthorn.redacted_attempts.error is 'Why it failed, as a code. Null: it succeeded, or has not ended.';

comment on column posthorn.redacted_attempts.error_message is 'The same for people.';

comment on column posthorn.redacted_attempts.finished_at is 'When it ended. Null: it has not ended, or its end is not known yet.';

comment on column posthorn.redacted_attempts.number is 'The first attempt of a webhook is 1.';

comment on column posthorn.redacted_attempts.response_body_bytes is 'The size of the part of the answer that was kept.';

comment on column posthorn.redacted_attempts.response_truncated is 'Whether the answer was longer than that part.';

comment on column posthorn.redacted_attempts.started_at is 'When the request began.';

comment on column posthorn.redacted_attempts.status_code is 'The status of the answer. Null: there was none.';

comment on column posthorn.redacted_attempts.webhook_id is 'The id of the webhook.';

comment on column posthorn.redacted_attempts.worker is 'The number of the worker.';

comment on column posthorn.redacted_endpoints.catching_up is 'Whether it is getting the events that it has missed.';

comment on column posthorn.redacted_endpoints.created_at is 'When it was registered.';

comment on column posthorn.redacted_endpoints.description is 'For people: its name, for example.';

comment on column posthorn.redacted_endpoints.former_secrets is 'How many secrets were replaced and still sign.';

comment on column posthorn.redacted_endpoints.gone_answers is 'Answers 410 since its last success. The second one disables it.';

comment on column posthorn.redacted_endpoints.has_headers is 'Whether it has headers of its own.';

comment on column posthorn.redacted_endpoints.has_secret is 'Whether it has a secret, which signs its webhooks.';

comment on column posthorn.redacted_endpoints.id is 'UUID v7 of the endpoint.';

comment on column posthorn.redacted_endpoints.lane is 'The key by which the queue names it.';

comment on column posthorn.redacted_endpoints.max_in_flight is 'The most requests at a time, of all workers together. Null: as many as it turns out to handle.';

comment on column posthorn.redacted_endpoints.ordered is 'Whether its webhooks are sent one at a time, in the order of sending.';

comment on column posthorn.redacted_endpoints.origin is 'The key of scheme, host and port of its URL.';

comment on column posthorn.redacted_endpoints.public_key is 'The public key of an Ed25519 secret, for receivers. It is not secret.';

comment on column posthorn.redacted_endpoints.rate_limit_per_s is 'The most requests a second, of all workers together. Null: no limit.';

comment on column posthorn.redacted_endpoints.retry_schedule_s is 'Seconds before each retry. Null: POSTHORN_RETRY_SCHEDULE. Empty: no retry.';

comment on column posthorn.redacted_endpoints.sealed_with is 'The id of the key that its secret is encrypted with. Null: plain text, or no secret.';

comment on column posthorn.redacted_endpoints.status is 'active, paused, disabled or deleted. Nothing is sent unless it is active.';

comment on column posthorn.redacted_endpoints.status_reason is 'Why it is not active: by_request, failing or gone.';

comment on column posthorn.redacted_endpoints.status_since is 'When its status last changed.';

comment on column posthorn.redacted_endpoints.tenant is 'The customer whose events it can receive. Empty: the application itself.';

comment on column posthorn.redacted_endpoints.timeout_ms is 'How long a request may take. Null: POSTHORN_TIMEOUT.';

comment on column posthorn.redacted_endpoints.updated_at is 'When its settings last changed.';

comment on column posthorn.redacted_endpoints.url is 'Where its webhooks go, without the query string.';

comment on column posthorn.redacted_events.body_bytes is 'The size of the body.';

comment on column posthorn.redacted_events.content_type is 'The media type of the body.';

comment on column posthorn.redacted_events.created_at is 'When it was published.';

comment on column posthorn.redacted_events.event_type is 'Its type, such as order.paid.';

comment on column posthorn.redacted_events.id is 'UUID v7. It is what the header webhook-id says.';

comment on column posthorn.redacted_events.idempotency_key is 'The key that its producer gave it.';

comment on column posthorn.redacted_events.max_attempts is '1 to 100. Null: as many as the retry schedule has.';

comment on column posthorn.redacted_events.priority is 'high, normal or low.';

comment on column posthorn.redacted_events.recipients is 'How many endpoints it went to. Null: a job is still adding them.';

comment on column posthorn.redacted_events.send_at is 'The earliest time to send it. Null: at once.';

comment on column posthorn.redacted_events.tenant is 'The customer that it belongs to. Empty: the application itself. * means all tenants.';

comment on column posthorn.redacted_events.traceparent is 'W3C Trace Context, passed on to the receivers.';

comment on column posthorn.redacted_outbox.body_bytes is 'The size of the body.';

comment on column posthorn.redacted_outbox.content_type is 'The media type of the body.';

comment on column posthorn.redacted_outbox.created_at is 'When it was inserted.';

comment on column posthorn.redacted_outbox.endpoint_id is 'The registered endpoint that a webhook goes to, instead of a url.';

comment on column posthorn.redacted_outbox.event_type is 'The type of an event. Null: it is a webhook to one address.';

comment on column posthorn.redacted_outbox.has_secret is 'Whether it has a secret of its own.';

comment on column posthorn.redacted_outbox.id is 'UUID v7 of the webhook or event.';

comment on column posthorn.redacted_outbox.idempotency_key is 'The key that its producer gave it.';

comment on column posthorn.redacted_outbox.max_attempts is '1 to 100. Null: as many as the retry schedule has.';

comment on column posthorn.redacted_outbox.priority is 'high, normal or low.';

comment on column posthorn.redacted_outbox.send_at is 'The earliest time to send it. Null: at once.';

comment on column posthorn.redacted_outbox.tenant is 'The customer that it belongs to. Empty: the application itself.';

comment on column posthorn.redacted_outbox.traceparent is 'W3C Trace Context, passed on to the receiver.';

comment on column posthorn.redacted_outbox.url is 'Where a webhook goes, without the query string.';

comment on column posthorn.redacted_webhooks.attempts is 'The attempts so far.';

comment on column posthorn.redacted_webhooks.body_bytes is 'The size of the body.';

comment on column posthorn.redacted_webhooks.content_type is 'The media type of the body.';

comment on column posthorn.redacted_webhooks.created_at is 'When it was inserted, or its event was published.';

comment on column posthorn.redacted_webhooks.endpoint_id is 'The registered endpoint that it goes to. Null: it goes to a URL.';

comment on column posthorn.redacted_webhooks.event_id is 'The row of the outbox: the event, or the webhook itself. It is what the header webhook-id says.';

comment on column posthorn.redacted_webhooks.event_type is 'The type of its event. Null: it has none.';

comment on column posthorn.redacted_webhooks.finished_at is 'When it ended. Null: it has not.';

comment on column posthorn.redacted_webhooks.id is 'UUID v7. It is what the header X-Webhook-ID says.';

comment on column posthorn.redacted_webhooks.idempotency_key is 'The key that its producer gave it.';

comment on column posthorn.redacted_webhooks.lane is 'The key of the endpoint, or of the URL without its query.';

comment on column posthorn.redacted_webhooks.last_error is 'Why the last attempt failed, as a code.';

comment on column posthorn.redacted_webhooks.last_status_code is 'The status of the last answer. Null: there was none.';

comment on column posthorn.redacted_webhooks.max_attempts is '1 to 100. Null: as many as the retry schedule has.';

comment on column posthorn.redacted_webhooks.next_attempt_at is 'It is sent no sooner than this. Null: it is being sent, has ended, or somebody must first resume its endpoint.';

comment on column posthorn.redacted_webhooks.priority is 'high, normal or low.';

comment on column posthorn.redacted_webhooks.reason is 'Why it ended so, as a code.';

comment on column posthorn.redacted_webhooks.send_at is 'The earliest time to send it. Null: at once.';

comment on column posthorn.redacted_webhooks.status is 'pending, delivering, delivered, failed or cancelled.';

comment on column posthorn.redacted_webhooks.tenant is 'The customer that it belongs to. Empty: the application itself.';

comment on column posthorn.redacted_webhooks.url is 'Where it goes, without the query string.';

comment on column posthorn.redacted_webhooks.waits_for is 'What a pending webhook waits for: docs/api.md lists the reasons.';

comment on column posthorn.replays.created_at is 'When it began.';

comment on column posthorn.replays.endpoint_id is 'Webhooks to this registered endpoint.';

comment on column posthorn.replays.event_id is 'Webhooks of this event.';

comment on column posthorn.replays.event_type is 'Webhooks of events of this type.';

comment on column posthorn.replays.finished_at is 'When it ended. Null: it has not.';

comment on column posthorn.replays.from_at is 'Webhooks that were enqueued from this time on.';

comment on column posthorn.replays.id is 'UUID v7 of the replay.';

comment on column posthorn.replays.ids is 'These webhooks.';

comment on column posthorn.replays.is_at_least is 'Whether more may match than were counted.';

comment on column posthorn.replays.is_walked is 'Whether all were looked at.';

comment on column posthorn.replays.matched is 'How many match, counted at the start.';

comment on column posthorn.replays.moved_at is 'When a worker last worked on it.';

comment on column posthorn.replays.normalised_url is 'The same URL in the form that the API and the CLI store, if it differs.';

comment on column posthorn.replays.paced_until is 'Until when the webhooks resent so far fill the rate.';

comment on column posthorn.replays.priority is '0 high, 1 normal, 2 low. Null: each webhook keeps its own.';

comment on column posthorn.replays.rate_limit_per_s is 'The most webhooks a second. Null: no limit.';

comment on column posthorn.replays.replayed is 'How many were resent or made due.';

comment on column posthorn.replays.skipped is 'How many were not, by reason.';

comment on column posthorn.replays.status is 'running, finished, cancelling or cancelled.';

comment on column posthorn.replays.statuses is 'Webhooks with these statuses: failed, cancelled, delivered or pending.';

comment on column posthorn.replays.taken_back is 'How many were taken back after it was cancelled.';

comment on column posthorn.replays.taken_back_to is 'The last one that was looked at in taking back.';

comment on column posthorn.replays.tenant is 'Webhooks of this tenant.';

comment on column posthorn.replays.until_at is 'Webhooks that were enqueued before this time.';

comment on column posthorn.replays.url is 'Direct sends to this URL without its query.';

comment on column posthorn.replays.walked_to is 'The last webhook that was looked at.';

comment on column posthorn.samples.attempts is 'Attempts that ended since the sample before.';

comment on column posthorn.samples.due is 'Those that could be sent at once. An estimate if there are very many.';

comment on column posthorn.samples.failures is 'How many of them failed.';

comment on column posthorn.samples.oldest_due_s is 'How long the oldest of them has been due. Null: none is due.';

comment on column posthorn.samples.p50_ms is 'Half of the recent deliveries took at most this long, from the insert or the send_at on. Null: there were none.';

comment on column posthorn.samples.p95_ms is '95 % of the recent deliveries took at most this long.';

comment on column posthorn.samples.p99_ms is '99 % of the recent deliveries took at most this long.';

comment on column posthorn.samples.seconds is 'The time since the sample before.';

comment on column posthorn.samples.taken_at is 'When it was taken.';

comment on column posthorn.samples.waiting is 'Unfinished webhooks. An estimate if there are very many.';

comment on column posthorn.sealing.done is 'How many of them are encrypted.';

comment on column posthorn.sealing.finished_at is 'When all secrets were encrypted with it. Null: not yet.';

comment on column posthorn.sealing.is_only_row is 'Always true: the table has one row.';

comment on column posthorn.sealing.key_id is 'The key that encrypts now. Null: there is none.';

comment on column posthorn.sealing.missing_keys is 'Keys that are needed, but that the key ring does not have.';

comment on column posthorn.sealing.plain is 'Endpoints with a secret in plain text.';

comment on column posthorn.sealing.removable_keys is 'Keys of the key ring that are no longer needed.';

comment on column posthorn.sealing.started_at is 'When this key began to be used.';

comment on column posthorn.sealing.total is 'Endpoints with something to encrypt, counted at the start, and later ones.';

comment on column posthorn.sealing.updated_at is 'When a worker last worked on it.';

comment on column posthorn.secret_keys.endpoints is 'How many endpoints have a secret or headers that are kept so.';

comment on column posthorn.secret_keys.key_id is 'The id of the key. Null: plain text.';

comment on column posthorn.stats.figures is 'The figures, as posthorn.take_stats() describes them.';

comment on column posthorn.stats.is_only is 'Always true: the table has one row.';

comment on column posthorn.stats.taken_at is 'When the figures were counted.';

comment on column posthorn.stats.took_ms is 'How long counting took.';

comment on column posthorn.stray_subscriptions.endpoint_id is 'Its endpoint.';

comment on column posthorn.stray_subscriptions.id is 'The subscription.';

comment on column posthorn.subscriptions.created_at is 'When it was made.';

comment on column posthorn.subscriptions.created_in is 'The transaction that made it.';

comment on column posthorn.subscriptions.ended_at is 'When it was ended. Null: it is in force.';

comment on column posthorn.subscriptions.ended_in is 'The transaction that ended it.';

comment on column posthorn.subscriptions.endpoint_id is 'The endpoint that receives the events.';

comment on column posthorn.subscriptions.event_type is 'A type such as order.paid, order.* for all types below order, or * for all types.';

comment on column posthorn.subscriptions.filter is 'A jsonpath predicate on the body, such as $.total >= 1000. Null: all events of the type.';

comment on column posthorn.subscriptions.id is 'UUID v7. Leave it out: it has a default.';

comment on column posthorn.subscriptions.is_live is 'Whether it is in force and its endpoint active or paused. A trigger writes it.';

comment on column posthorn.subscriptions.is_ordered is 'Whether the endpoint is ordered. A trigger writes it.';

comment on column posthorn.subscriptions.lane is 'The key of the endpoint.';

comment on column posthorn.subscriptions.tenant is 'The tenant of the endpoint. Leave it out: a trigger writes it.';

comment on column posthorn.tallies.attempts is 'How many attempts ended.';

comment on column posthorn.tallies.counted_at is 'When it was written.';

comment on column posthorn.tallies.endpoint_id is 'Attempts at this endpoint. Null: all attempts.';

comment on column posthorn.tallies.failures is 'How many of them failed.';

comment on column posthorn.tallies.id is 'UUID v7 of the row.';

comment on column posthorn.tallies.is_watched is 'Whether the endpoint has failed lately.';

comment on column posthorn.tallies.worker is 'The number of the worker that counted.';

comment on column posthorn.tenants.created_at is 'When the row was written.';

comment on column posthorn.tenants.full_since is 'Since when it is full. Null: it is not.';

comment on column posthorn.tenants.id is 'Your own id of the customer.';

comment on column posthorn.tenants.key is 'The key by which the queue and lane_rules name it.';

comment on column posthorn.tenants.max_in_flight is 'The most requests at a time, to all of its endpoints, of all workers together. Null: no limit.';

comment on column posthorn.tenants.max_waiting is 'It is full with this many unfinished webhooks, until it has less than 90 % of them. Null: it is never full.';

comment on column posthorn.tenants.name is 'For people.';

comment on column posthorn.tenants.rate_limit_per_s is 'The most requests a second, to all of its endpoints, of all workers together. Null: no limit.';

comment on column posthorn.tenants.refuse_when_full is 'Whether inserts are refused while it is full.';

comment on column posthorn.unmatched_events.event_id is 'The event.';

comment on column posthorn.webhooks.attempts is 'The attempts so far.';

comment on column posthorn.webhooks.body_bytes is 'The size of the body.';

comment on column posthorn.webhooks.content_type is 'The media type of the body.';

comment on column posthorn.webhooks.created_at is 'When it was inserted, or its event was published.';

comment on column posthorn.webhooks.endpoint_id is 'The registered endpoint that it goes to. Null: it goes to a URL.';

comment on column posthorn.webhooks.event_id is 'The row of the outbox: the event, or the webhook itself. It is what the header webhook-id says.';

comment on column posthorn.webhooks.event_type is 'The type of its event. Null: it has none.';

comment on column posthorn.webhooks.finished_at is 'When it ended. Null: it has not.';

comment on column posthorn.webhooks.id is 'UUID v7. It is what the header X-Webhook-ID says.';

comment on column posthorn.webhooks.idempotency_key is 'The key that its producer gave it.';

comment on column posthorn.webhooks.lane is 'The key of the endpoint, or of the URL without its query.';

comment on column posthorn.webhooks.last_error is 'Why the last attempt failed, as a code.';

comment on column posthorn.webhooks.last_status_code is 'The status of the last answer. Null: there was none.';

comment on column posthorn.webhooks.max_attempts is '1 to 100. Null: as many as the retry schedule has.';

comment on column posthorn.webhooks.next_attempt_at is 'It is sent no sooner than this. Null: it is being sent, has ended, or somebody must first resume its endpoint.';

comment on column posthorn.webhooks.priority is 'high, normal or low.';

comment on column posthorn.webhooks.reason is 'Why it ended so, as a code.';

comment on column posthorn.webhooks.send_at is 'The earliest time to send it. Null: at once.';

comment on column posthorn.webhooks.status is 'pending, delivering, delivered, failed or cancelled.';

comment on column posthorn.webhooks.tenant is 'The customer that it belongs to. Empty: the application itself.';

comment on column posthorn.webhooks.url is 'Where it goes.';

comment on column posthorn.webhooks.waits_for is 'What a pending webhook waits for: docs/api.md lists the reasons.';

comment on column posthorn.workers.claim_error is 'The error of Postgres that keeps it from claiming.';

comment on column posthorn.workers.claims_failing_since is 'Since when it cannot claim webhooks. Null: it can.';

comment on column posthorn.workers.egress_down_since is 'Since when it cannot reach most endpoints, which points to its own network. Null: it can.';

comment on column posthorn.workers.graphile_pool is 'Its name at Graphile Worker.';

comment on column posthorn.workers.held_back is 'The tenants and origins that it holds back. Read them in posthorn.held_back.';

comment on column posthorn.workers.host is 'The name of its machine.';

comment on column posthorn.workers.number is 'The number of the worker, whose advisory lock it holds.';

comment on column posthorn.workers.pid is 'The id of its process.';

comment on column posthorn.workers.seen_at is 'When it last reported.';

comment on column posthorn.workers.started_at is 'When it started.';

comment on column posthorn.workers.version is 'Its version of Posthorn.';

comment on function posthorn.cancel(uuid) is 'Cancels a webhook that waits for its first or next attempt. Returns false when it is being sent, has ended or is unknown.';

comment on function posthorn.cancel_catch_up(uuid) is 'Ends the catch-up of an endpoint. Returns whether there was one.';

comment on function posthorn.cancel_many(uuid[]) is 'Cancels webhooks that wait for their first or next attempt; returns how many.';

comment on function posthorn.catch_up(uuid,timestamp with time zone,boolean,double precision) is 'Lets an endpoint get the events since a time that match its subscriptions and that it has not received. Returns how many there are. A dry run only counts.';

comment on function posthorn.check_in(text) is 'The same as posthorn.held(), for a worker that starts: the first one records the identity of the database.';

comment on function posthorn.continue_catch_up(uuid,integer,integer) is 'Makes one step of a catch-up. For the worker.';

comment on function posthorn.days_without_partition() is 'The days with rows in the default partitions because their own partitions are missing.';

comment on function posthorn.drop_partitions(date) is 'Drops a day (UTC) of history. Its unfinished webhooks stay. Returns whether it did.';

comment on function posthorn.enqueue(text,jsonb,jsonb,text,text,text,timestamp with time zone,integer,text,text,uuid,text) is 'The same with a body of type jsonb.';

comment on function posthorn.enqueue(text,text,jsonb,text,text,text,timestamp with time zone,integer,text,text,uuid,text) is 'Enqueues a webhook to a URL or to a registered endpoint, in your transaction. Returns its id, or for an idempotency key of the last 7 days the id of the first.';

comment on function posthorn.enqueue_missed(uuid[]) is 'Enqueues webhooks that posthorn.missed() has found. Returns their ids.';

comment on function posthorn.explain_event(uuid) is 'Why each endpoint of the tenant received an event, or did not.';

comment on function posthorn.fan_out(uuid,integer) is 'Adds webhooks for the next recipients of an event to the queue. For the worker.';

comment on function posthorn.filter_rule(jsonpath) is 'The rule that a filter of a subscription breaks. Null: it may be used.';

comment on function posthorn.first_webhook_id(uuid) is 'The lower bound of the ids of the webhooks of an event.';

comment on function posthorn.forget_kept(interval,integer) is 'Deletes webhooks of dropped days that have ended since, longer ago than the retention. Returns how many.';

comment on function posthorn.header_names_are_unique(jsonb) is 'Whether the names of headers differ in more than their case.';

comment on function posthorn.held(text) is 'Why this database is held; no row: webhooks are sent.';

comment on function posthorn.history_floor() is 'The smallest id of the complete history.';

comment on function posthorn.hold(text) is 'Holds the database until posthorn.resume().';

comment on function posthorn.is_dropped(uuid) is 'Whether the history of the day of a webhook was dropped.';

comment on function posthorn.json_of(text) is 'A body as JSON. Null: it is not JSON.';

comment on function posthorn.key_of(text) is 'The key of a name: 8 bytes of its SHA-256.';

comment on function posthorn.lane_of(text) is 'The lane of a URL.';

comment on function posthorn.lane_of(uuid) is 'The lane of a registered endpoint.';

comment on function posthorn.last_webhook_id(uuid) is 'The upper bound of the ids of the webhooks of an event.';

comment on function posthorn.make_partitions(date) is 'Makes the partitions of a day (UTC) that are missing. Returns how many.';

comment on function posthorn.matching(posthorn.webhook_status[],uuid,text[],uuid[],uuid,uuid,timestamp with time zone,integer,integer,uuid,text,text) is 'Finds the webhooks that match a filter, a page at a time. For replays.';

comment on function posthorn.missed(uuid,integer) is 'Finds webhooks and events that were not enqueued, because a trigger did not fire.';

comment on function posthorn.missed_events(uuid,uuid,uuid,boolean,integer,integer) is 'Finds events that an endpoint has not received although it subscribes to them. For the worker.';

comment on function posthorn.names_reserved_header(jsonb) is 'Whether one of the headers is set by the connection or by Posthorn itself.';

comment on function posthorn.note_full_tenants() is 'Counts the unfinished webhooks of tenants that have a max_waiting, and notes which are full. Returns how many.';

comment on function posthorn.origin_of(text) is 'The key of the origin of a URL: its scheme, host and port.';

comment on function posthorn.outbox_keeps_rules(uuid,text,uuid,text,text,text,jsonb,text,text,text,timestamp with time zone,integer,text,text,timestamp with time zone) is 'Checks a row of the outbox: returns true, or raises an error that names the broken rule.';

comment on function posthorn.partition_days() is 'The days (UTC) that have a partition, oldest first.';

comment on function posthorn.priority_of(text) is 'The number of a priority in the queue: 0 high, 1 normal, 2 low. Null: the word is none.';

comment on function posthorn.publish(text,text,jsonb,jsonb,text,text,timestamp with time zone,integer,text,text) is 'The same with a body of type jsonb.';

comment on function posthorn.publish(text,text,text,jsonb,text,text,timestamp with time zone,integer,text,text) is 'Publishes an event of a tenant to all endpoints that subscribe to it, in your transaction. Returns its id, or for an idempotency key of the last 7 days the id of the first.';

comment on function posthorn.put_back(uuid[],posthorn.webhook_status[],timestamp with time zone,uuid,smallint,timestamp with time zone,interval) is 'Resends webhooks that have ended with one of these statuses. Returns what was done with each. For replays.';

comment on function posthorn.recipients(text,text,text) is 'Explains who would receive an event now, and why: a row for each endpoint of the tenant.';

comment on function posthorn.rename_tenant(text,text) is 'Gives all endpoints of a tenant to another tenant id. Returns how many.';

comment on function posthorn.repair_lane_rules() is 'Rebuilds the rules that posthorn.misruled_lanes shows. Returns the lanes.';

comment on function posthorn.repair_subscriptions() is 'Makes the subscriptions that posthorn.stray_subscriptions shows agree with their endpoints. Returns their ids.';

comment on function posthorn.resume(text) is 'Ends every hold: from now on this database sends.';

comment on function posthorn.retry(uuid,boolean) is 'Resends a webhook that has ended, or sends a waiting one now; returns what was done.';

comment on function posthorn.retry_many(uuid[],boolean) is 'Resends webhooks that have ended, or sends waiting ones now; returns how many.';

comment on function posthorn.system_identifier() is 'The identifier of the server. Null: the role may not read it.';

comment on function posthorn.take_back(uuid,uuid,integer) is 'Takes back what a replay has resent and what has not been sent since. For replays.';

comment on function posthorn.take_sample() is 'Adds the sample of this minute to posthorn.samples. For the worker.';

comment on function posthorn.take_stats(interval) is 'The current figures: the row of posthorn.stats, counted again if it is older than max_age.';

comment on function posthorn.tenant_key(text) is 'The key of a tenant. Null: the application itself.';

comment on function posthorn.time_of(text) is 'A time in JSON. Null: it is none.';

comment on function posthorn.type_and_above(text) is 'What a subscription can name to receive a type of event: the type, all that stand for types below one, and *.';

comment on function posthorn.uuid_floor(timestamp with time zone) is 'The smallest UUID v7 of a time: for id >= posthorn.uuid_floor(now() - interval ''1 day'').';

comment on function posthorn.uuid_time(uuid) is 'The time in a UUID v7.';

comment on function posthorn.uuid_v7() is 'A new UUID v7.';

comment on function posthorn.watch_clock() is 'Notices that the clock was set back, and moves due times by the same amount. For the worker.';

comment on function posthorn.webhook_id(uuid,uuid) is 'The id of the webhook that takes an event to an endpoint.';

comment on table posthorn.alert_watch is 'When the alert rules were last evaluated.';

comment on table posthorn.alerts is 'Present alerts (fired_at set, resolved_at not) and past ones.';

comment on table posthorn.api_keys is 'Keys of the HTTP API: their hashes and scopes.';

comment on table posthorn.attempts is 'The attempts: a row per HTTP request, written before the request.';

comment on table posthorn.breakers is 'The failing lanes and origins and the state of their breakers. One without a row is healthy.';

comment on table posthorn.brought_forward is 'The former due times of waiting webhooks that a replay made due.';

comment on table posthorn.catch_ups is 'Endpoints for which a job adds the events that they have missed, and its progress.';

comment on table posthorn.clock is 'When the clock of the database was last checked; a time in the future means that it was set back.';

comment on table posthorn.definitions is 'The text of each function and view that is in force, and its version of Posthorn.';

comment on table posthorn.endpoints is 'Registered endpoints: their URLs and settings.';

comment on table posthorn.event_types is 'The catalogue: description, schema and example of types of events. A type needs no row.';

comment on table posthorn.fan_outs is 'Events with so many recipients that a job adds them to the queue, and its progress.';

comment on table posthorn.former_outcomes is 'How webhooks had ended before they were put back: a row each time.';

comment on table posthorn.history is 'The day from which the history is complete; webhooks that finished earlier have been dropped.';

comment on table posthorn.idempotency_keys is 'The row of the outbox that each idempotency key belongs to, until the key expires.';

comment on table posthorn.identity is 'The database from which webhooks are sent; a copy of it is held.';

comment on table posthorn.lane_rules is 'The settings of held or limited endpoints and of limited tenants that the claim needs; written by triggers.';

comment on table posthorn.maintenance_runs is 'The scheduled tasks: when each last succeeded, how long it took, and its result.';

comment on table posthorn.outbox is 'The webhooks and events of producers. INSERT here, in your own transaction; nothing else is needed. ORMs: posthorn.new_webhooks and posthorn.new_events.';

comment on table posthorn.outcomes is 'How webhooks ended: a row per finished webhook.';

comment on table posthorn.queue is 'The work that is left: a row per unfinished webhook.';

comment on table posthorn.replays is 'Orders to resend many webhooks, and their progress.';

comment on table posthorn.samples is 'The history of the figures, a row per minute, for 15 days.';

comment on table posthorn.sealing is 'The progress of sealing the secrets of endpoints with the current key.';

comment on table posthorn.stats is 'The figures, as they were last counted; posthorn.take_stats() counts again when they are old.';

comment on table posthorn.subscriptions is 'Which events an endpoint receives. End one with: update ... set ended_at = now().';

comment on table posthorn.tallies is 'Attempts and failures of the last two hours, as the workers counted them.';

comment on table posthorn.tenants is 'Settings of tenants. A tenant needs no row.';

comment on table posthorn.unmatched_events is 'The events that no endpoint received.';

comment on table posthorn.workers is 'The workers that were started; alive while their advisory lock is held.';

comment on view posthorn.events is 'The events. INSERT here, in your own transaction: the webhooks to all who subscribe are enqueued in it.';

comment on view posthorn.held_back is 'What is held back now, and why: endpoints, URLs, origins and tenants.';

comment on view posthorn.lane_blocks is 'Why lanes are not sent to now, a row for each reason of a lane or of an origin. Those without a row may be sent to.';

comment on view posthorn.live_workers is 'The workers that are alive now.';

comment on view posthorn.misruled_lanes is 'Endpoints and tenants whose lane_rules differ from their settings, because a trigger did not fire.';

comment on view posthorn.new_events is 'For ORMs: INSERT events here, in your own transaction. Shows no rows; read posthorn.events.';

comment on view posthorn.new_webhooks is 'For ORMs: INSERT webhooks to one address here, in your own transaction. Shows no rows; read posthorn.webhooks.';

comment on view posthorn.redacted_attempts is 'posthorn.attempts without the answers of receivers.';

comment on view posthorn.redacted_endpoints is 'posthorn.endpoints without secrets and query strings.';

comment on view posthorn.redacted_events is 'posthorn.events without bodies and headers.';

comment on view posthorn.redacted_outbox is 'posthorn.outbox without bodies, secrets, headers and query strings.';

comment on view posthorn.redacted_webhooks is 'posthorn.webhooks without query strings.';

comment on view posthorn.secret_keys is 'The keys that seal the secrets of endpoints; null: plain text.';

comment on view posthorn.stray_subscriptions is 'Subscriptions that differ from their endpoint, because a trigger did not fire.';

comment on view posthorn.webhooks is 'Every webhook with its state: pending, delivering, delivered, failed or cancelled.';
