-- The state of Posthorn itself, and the actions of people.
--
-- definitions       the text of each function and view that is in force
-- identity          the server and database from which webhooks may be sent, and the hold; one row
-- clock             when the clock of the database was last checked; one row
-- workers           the workers
-- maintenance_runs  the last successful run of each scheduled task
-- api_keys          who may call the HTTP API
-- replays           orders to put back many webhooks, and their progress
-- brought_forward   the former due time of a waiting webhook that a replay made due
-- alerts            present and past alerts; one row from the beginning to the end
-- alert_watch       when the alert rules were last evaluated, and how long vacuum's horizon has not moved; one row
-- tallies           attempts and failures that a worker counted, for the failure rates and the charts; kept for two hours
-- samples           the data of the charts: a row per minute, so that showing a week reads no history
-- stats             the current figures, counted once for all processes; one row

-- Written by `posthorn migrate`, which creates a function or a view again when the text of its file has changed.
create table posthorn.definitions (
  -- The name of the object and of its file: sql/functions/<name>.sql or sql/views/<name>.sql.
  name text not null,
  -- SHA-256 of the file, in hex.
  hash text not null,
  -- The version of Posthorn of the file. An older version leaves everything as it is.
  version text not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint definitions_pkey primary key (name)
);

-- A dump that is restored, a database made from a template, and a server that was upgraded by pg_upgrade have the row
-- of the original, but a different system identifier or oid. A promoted standby has the same ones as its primary, and
-- continues. A server that was cloned from files also has the same ones: only the environment distinguishes it, or a
-- hold that is made before a worker starts.
create table posthorn.identity (
  is_only boolean not null default true,
  -- The server's identifier. Null: not recorded yet, or not visible to our role.
  system_identifier bigint,
  -- The database's oid.
  database_oid oid,
  -- POSTHORN_ENVIRONMENT of the workers; null: not set.
  environment text,
  recorded_at timestamptz,
  -- Set by posthorn.hold().
  held_since timestamptz,
  held_because text,
  constraint identity_pkey primary key (is_only),
  constraint identity_has_one_row check (is_only)
);

-- One row, whose time is close to now unless the clock was set back.
create table posthorn.clock (
  is_only boolean not null default true,
  seen_at timestamptz not null default clock_timestamp(),
  constraint clock_pkey primary key (is_only),
  constraint clock_has_one_row check (is_only)
) with (fillfactor = 50);

insert into posthorn.clock default values;

-- A worker is alive while it holds the session advisory lock of its number; the row describes it.
create table posthorn.workers (
  number integer not null,
  host text not null,
  pid integer not null,
  version text not null,
  graphile_pool text,
  started_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  -- The time since which most endpoints cannot be reached from this worker, which points to a fault of its own network.
  egress_down_since timestamptz,
  -- The time since which this worker cannot claim, and Postgres' error.
  claims_failing_since timestamptz,
  claim_error text,
  -- The tenants and origins that this worker holds back, at most 50: see src/deliver/held-back-report.ts. Read them in held_back.
  held_back jsonb not null default '[]',
  constraint workers_pkey primary key (number)
);

-- The last successful run of a scheduled task, on any worker.
create table posthorn.maintenance_runs (
  task text not null,
  ended_at timestamptz not null default clock_timestamp(),
  duration_ms real not null,
  detail jsonb not null,
  constraint maintenance_runs_pkey primary key (task)
) with (fillfactor = 50);

-- Only the SHA-256 of a key is stored: a key has 256 random bits, which cannot be guessed, so a slower hash is not
-- needed.
create table posthorn.api_keys (
  id uuid not null default posthorn.uuid_v7(),
  name text not null,
  -- The beginning of the key, by which people recognise it.
  prefix text not null,
  hash bytea not null,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  -- Null: never.
  expires_at timestamptz,
  revoked_at timestamptz,
  -- Accurate to about a minute.
  last_used_at timestamptz,
  constraint api_keys_pkey primary key (id),
  constraint api_keys_hash_is_unique unique (hash),
  constraint api_keys_hash_is_sha256 check (octet_length(hash) = 32),
  constraint api_keys_name_is_1_to_100_bytes check (octet_length(name) between 1 and 100),
  constraint api_keys_scopes_are_read_send_manage check (
    cardinality(scopes) > 0 and scopes <@ array['read', 'send', 'manage'])
);

create type posthorn.replay_status as enum ('running', 'finished', 'cancelling', 'cancelled');

create table posthorn.replays (
  id uuid not null default posthorn.uuid_v7(),
  status posthorn.replay_status not null default 'running',
  -- The webhooks to put back: those with these statuses, and of the endpoint, period, ids, event, type of events and
  -- tenant if they are given.
  statuses posthorn.webhook_status[] not null default '{failed}',
  endpoint_id uuid,
  url text,
  -- The same URL in the form that the API and the CLI store, if it differs. They fill it in; SQL cannot.
  normalised_url text,
  from_at timestamptz,
  until_at timestamptz,
  ids uuid[],
  event_id uuid,
  event_type text,
  tenant text,
  -- As in the queue: 0 high, 1 normal, 2 low. Null: each webhook's own.
  priority smallint default 2,
  rate_limit_per_s double precision,
  -- Counted at the start; a lower bound if counting took too long.
  matched bigint not null default 0,
  is_at_least boolean not null default true,
  replayed bigint not null default 0,
  -- The number of webhooks that were not put back, by reason.
  skipped jsonb not null default '{}',
  taken_back bigint not null default 0,
  -- The last webhook that was read. It advances in the transaction that puts webhooks back, so that each is put back
  -- once.
  walked_to uuid not null default '00000000-0000-0000-0000-000000000000',
  -- The same for taking back, after the replay was cancelled.
  taken_back_to uuid not null default '00000000-0000-0000-0000-000000000000',
  is_walked boolean not null default false,
  -- Webhooks put back so far fill the rate until this time.
  paced_until timestamptz,
  created_at timestamptz not null default now(),
  -- When a worker last worked on it.
  moved_at timestamptz not null default '-infinity',
  finished_at timestamptz,
  constraint replays_pkey primary key (id),
  constraint replays_statuses_are_some check (
    cardinality(statuses) > 0
    and statuses <@ array['failed', 'cancelled', 'delivered', 'pending']::posthorn.webhook_status[]),
  constraint replays_are_bounded check (
    num_nonnulls(endpoint_id, url, from_at, ids, event_id, event_type, tenant) > 0),
  constraint replays_go_to_one_endpoint check (num_nonnulls(endpoint_id, url) < 2),
  constraint replays_url_is_without_query check (url !~ '[?#]' and octet_length(url) <= 2048),
  constraint replays_normalised_url_is_without_query check (
    url is not null and normalised_url !~ '[?#]' and octet_length(normalised_url) <= 2048 or normalised_url is null),
  constraint replays_event_type_is_at_most_128_bytes check (octet_length(event_type) <= 128),
  constraint replays_tenant_is_at_most_255_bytes check (octet_length(tenant) <= 255),
  constraint replays_ids_are_1_to_1000 check (cardinality(ids) between 1 and 1000 and array_position(ids, null) is null),
  constraint replays_priority_is_0_to_2 check (priority between 0 and 2),
  constraint replays_rate_limit_per_s_is_0_1_to_10000 check (rate_limit_per_s between 0.1 and 10000)
) with (fillfactor = 50);

create index replays_for_work on posthorn.replays (id) where status in ('running', 'cancelling');

create table posthorn.brought_forward (
  replay_id uuid not null,
  webhook_id uuid not null,
  -- The former state: when it was due, and until when its ordered lane waited; null: the replay did not change it.
  due_at timestamptz,
  retry_at timestamptz,
  -- The state after the change. If the present state differs, the webhook was tried or changed since.
  attempts smallint not null,
  brought_to timestamptz not null,
  constraint brought_forward_pkey primary key (webhook_id, replay_id)
);

create index brought_forward_for_replay on posthorn.brought_forward (replay_id, webhook_id);

create table posthorn.alerts (
  id uuid not null default posthorn.uuid_v7(),
  -- A rule of src/domain/alert-rules.ts.
  rule text not null,
  -- An endpoint's id, a lane, or empty.
  subject text not null default '',
  severity text not null,
  -- For people: without query strings, bodies and secrets.
  summary text not null,
  detail jsonb not null default '{}',
  -- How often it was announced; more than once if the rule reminds.
  step smallint not null default 0,
  -- Found without a break since this time. Not fired yet while it may pass by itself.
  since timestamptz not null default clock_timestamp(),
  fired_at timestamptz,
  told_at timestamptz,
  -- Not found since this time. Not resolved yet while it may come back.
  clear_since timestamptz,
  resolved_at timestamptz,
  constraint alerts_pkey primary key (id),
  constraint alerts_severity_is_warning_or_critical check (severity in ('warning', 'critical'))
);

-- Each alert fires once, even if several workers evaluate at the same time.
create unique index alerts_for_evaluation on posthorn.alerts (rule, subject) where resolved_at is null;

create index alerts_for_prune on posthorn.alerts (resolved_at) where resolved_at is not null;

create table posthorn.alert_watch (
  is_only boolean not null default true,
  evaluated_at timestamptz,
  oldest_xmin xid,
  oldest_xmin_since timestamptz,
  constraint alert_watch_pkey primary key (is_only),
  constraint alert_watch_has_one_row check (is_only)
);

insert into posthorn.alert_watch default values;

create table posthorn.tallies (
  id uuid not null default posthorn.uuid_v7(),
  counted_at timestamptz not null default clock_timestamp(),
  worker integer not null,
  -- Null: all attempts, including those of endpoints.
  endpoint_id uuid,
  attempts integer not null,
  failures integer not null,
  -- Whether the endpoint failed lately, so that the alerts read it.
  is_watched boolean not null default false,
  -- No row is looked up by it, but with a publication of all tables, the DELETE of pruning needs a key.
  constraint tallies_pkey primary key (id)
);

-- Without healthy endpoints, which can be very many.
create index tallies_for_alerts on posthorn.tallies (counted_at) where endpoint_id is null or is_watched;

-- For the pulse of one endpoint, without reading the others.
create index tallies_for_endpoints on posthorn.tallies (endpoint_id, counted_at) where endpoint_id is not null;

create table posthorn.samples (
  taken_at timestamptz not null default clock_timestamp(),
  -- Attempts and failures in this many seconds, of all workers.
  attempts integer not null,
  failures integer not null,
  seconds real not null,
  -- From the insert, or the send_at, to the end of the delivering attempt, for webhooks enqueued in the last two
  -- minutes; null: there were none.
  p50_ms real,
  p95_ms real,
  p99_ms real,
  -- Unfinished webhooks, and those that are due and could be sent; estimates if the queue is very long.
  waiting bigint not null,
  due bigint not null,
  oldest_due_s real,
  constraint samples_pkey primary key (taken_at)
);

-- A caller that finds the row too old counts again; others meanwhile use the old one.
create table posthorn.stats (
  is_only boolean not null default true,
  taken_at timestamptz not null default '-infinity',
  -- How long the counting took.
  took_ms real not null default 0,
  figures jsonb,
  constraint stats_pkey primary key (is_only),
  constraint stats_is_one_row check (is_only)
) with (fillfactor = 50);

insert into posthorn.stats default values;

comment on table posthorn.definitions is 'The text of each function and view that is in force, and its version of Posthorn.';
comment on table posthorn.identity is 'The database from which webhooks are sent; a copy of it is held.';
comment on table posthorn.clock is 'When the clock of the database was last checked; a time in the future means that it was set back.';
comment on table posthorn.workers is 'The workers that were started; alive while their advisory lock is held.';
comment on table posthorn.maintenance_runs is 'The scheduled tasks: when each last succeeded, how long it took, and its result.';
comment on table posthorn.api_keys is 'Keys of the HTTP API: their hashes and scopes.';
comment on table posthorn.replays is 'Orders to resend many webhooks, and their progress.';
comment on table posthorn.brought_forward is 'The former due times of waiting webhooks that a replay made due.';
comment on table posthorn.alerts is 'Present alerts (fired_at set, resolved_at not) and past ones.';
comment on table posthorn.alert_watch is 'When the alert rules were last evaluated.';
comment on table posthorn.tallies is 'Attempts and failures of the last two hours, as the workers counted them.';
comment on table posthorn.samples is 'The history of the figures, a row per minute, for 15 days.';
comment on table posthorn.stats is 'The figures, as they were last counted; posthorn.take_stats() counts again when they are old.';
