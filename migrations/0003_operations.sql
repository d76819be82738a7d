-- What Posthorn knows of itself, and what people do with it.
--
-- definitions       which text of each function and view is in force
-- identity          in which server and database webhooks were last allowed to be sent, and whether they are held; one row
-- clock             when the clock of the database was last looked at; one row
-- workers           who works
-- maintenance_runs  what the scheduled tasks did
-- api_keys          who may call the HTTP API
-- replays           orders to put back many webhooks, and how far each has come
-- brought_forward   when a webhook that waited would have been due before a replay made it due
-- alerts            what is wrong now and what was, one row from its beginning to its end
-- alert_watch       when the alert rules were evaluated last, and how long the horizon of vacuum has not moved; one row
-- tallies           attempts and failures that a worker counted, for the failure rates and the charts; kept for two hours
-- samples           what the charts show: a row a minute, so that looking back a week reads no history
-- stats             how Posthorn is, counted once for everybody; one row

-- Kept by `posthorn migrate`, which creates a function or a view again when its file has another text.
create table posthorn.definitions (
  -- Of the object and of its file: sql/functions/<name>.sql or sql/views/<name>.sql.
  name text not null,
  -- SHA-256 of the file, in hex.
  hash text not null,
  -- The version of Posthorn that the file belongs to. An older one leaves everything as it is.
  version text not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint definitions_pkey primary key (name)
);

-- A dump that is restored, a database made from a template, and a server that was upgraded by pg_upgrade have the row of the
-- original, and another system identifier or another oid. A standby that is promoted has both of its primary, and goes on.
-- So has a server that was cloned from files: only the environment tells it, or a hold that is made before a worker starts.
create table posthorn.identity (
  is_only boolean not null default true,
  -- Of the server. Null: not recorded yet, or not visible to our role.
  system_identifier bigint,
  -- Of the database.
  database_oid oid,
  -- POSTHORN_ENVIRONMENT of the workers; null: it is not set.
  environment text,
  recorded_at timestamptz,
  -- Set by posthorn.hold().
  held_since timestamptz,
  held_because text,
  constraint identity_pkey primary key (is_only),
  constraint identity_has_one_row check (is_only)
);

-- One row, which is never far from now unless the clock was set back.
create table posthorn.clock (
  is_only boolean not null default true,
  seen_at timestamptz not null default clock_timestamp(),
  constraint clock_pkey primary key (is_only),
  constraint clock_has_one_row check (is_only)
) with (fillfactor = 50);

insert into posthorn.clock default values;

-- A worker is alive as long as it holds the session advisory lock of its number; the row says who that is.
create table posthorn.workers (
  number integer not null,
  host text not null,
  pid integer not null,
  version text not null,
  graphile_pool text,
  started_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  -- Since when most endpoints cannot be reached from this worker, which is taken for trouble of its own network.
  egress_down_since timestamptz,
  -- Since when this worker can claim nothing, and what Postgres says.
  claims_failing_since timestamptz,
  claim_error text,
  constraint workers_pkey primary key (number)
);

-- What a scheduled task did when it last ended well, on whatever worker.
create table posthorn.maintenance_runs (
  task text not null,
  ended_at timestamptz not null default clock_timestamp(),
  duration_ms real not null,
  detail jsonb not null,
  constraint maintenance_runs_pkey primary key (task)
) with (fillfactor = 50);

-- Of a key itself only its SHA-256 is kept: it has 256 random bits, which nobody tries out, so that nothing slower than one hash
-- is needed.
create table posthorn.api_keys (
  id uuid not null default posthorn.uuid_v7(),
  name text not null,
  -- The beginning of the key, by which people tell it from others.
  prefix text not null,
  hash bytea not null,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  -- Null: never.
  expires_at timestamptz,
  revoked_at timestamptz,
  -- To a minute or so.
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
  -- Which webhooks: of these statuses, and of the endpoint, period and ids if they are given.
  statuses posthorn.webhook_status[] not null default '{failed}',
  endpoint_id uuid,
  url text,
  -- The same URL as the API and the CLI store it, if that is another. They fill it in; SQL cannot.
  normalised_url text,
  from_at timestamptz,
  until_at timestamptz,
  ids uuid[],
  -- As in the queue: 0 high, 1 normal, 2 low. Null: each webhook's own.
  priority smallint default 2,
  rate_limit_per_s double precision,
  -- Counted at the start; there may have been more if counting took too long.
  matched bigint not null default 0,
  is_at_least boolean not null default true,
  replayed bigint not null default 0,
  -- How many were not put back, by reason.
  skipped jsonb not null default '{}',
  taken_back bigint not null default 0,
  -- The last webhook that was looked at. Moved in the transaction that puts webhooks back, so each is put back once.
  walked_to uuid not null default '00000000-0000-0000-0000-000000000000',
  -- The same of taking back, once it is cancelled.
  taken_back_to uuid not null default '00000000-0000-0000-0000-000000000000',
  is_walked boolean not null default false,
  -- What has been put back keeps to the rate until then.
  paced_until timestamptz,
  created_at timestamptz not null default now(),
  -- When a worker last did something for it.
  moved_at timestamptz not null default '-infinity',
  finished_at timestamptz,
  constraint replays_pkey primary key (id),
  constraint replays_statuses_are_some check (
    cardinality(statuses) > 0
    and statuses <@ array['failed', 'cancelled', 'delivered', 'pending']::posthorn.webhook_status[]),
  constraint replays_are_bounded check (num_nonnulls(endpoint_id, url, from_at, ids) > 0),
  constraint replays_go_to_one_endpoint check (num_nonnulls(endpoint_id, url) < 2),
  constraint replays_url_is_without_query check (url !~ '[?#]' and octet_length(url) <= 2048),
  constraint replays_normalised_url_is_without_query check (
    url is not null and normalised_url !~ '[?#]' and octet_length(normalised_url) <= 2048 or normalised_url is null),
  constraint replays_ids_are_1_to_1000 check (cardinality(ids) between 1 and 1000 and array_position(ids, null) is null),
  constraint replays_priority_is_0_to_2 check (priority between 0 and 2),
  constraint replays_rate_limit_per_s_is_0_1_to_10000 check (rate_limit_per_s between 0.1 and 10000)
) with (fillfactor = 50);

create index replays_for_work on posthorn.replays (id) where status in ('running', 'cancelling');

create table posthorn.brought_forward (
  replay_id uuid not null,
  webhook_id uuid not null,
  -- As it was: when it was due, and until when its ordered lane waited; null where the replay did not change it.
  due_at timestamptz,
  retry_at timestamptz,
  -- As it is since then. If it is not so any more, somebody has tried or changed it.
  attempts smallint not null,
  brought_to timestamptz not null,
  constraint brought_forward_pkey primary key (webhook_id, replay_id)
);

create index brought_forward_for_replay on posthorn.brought_forward (replay_id, webhook_id);

create table posthorn.alerts (
  id uuid not null default posthorn.uuid_v7(),
  -- A rule of src/domain/alert-rules.ts.
  rule text not null,
  -- What it is about: an endpoint's id, a lane, or nothing in particular.
  subject text not null default '',
  severity text not null,
  -- For people: without query strings, bodies and secrets.
  summary text not null,
  detail jsonb not null default '{}',
  -- How often it was told of: more than once where a rule reminds.
  step smallint not null default 0,
  -- Since when the rule has found it without a break. Not fired as long as that may be a passing thing.
  since timestamptz not null default clock_timestamp(),
  fired_at timestamptz,
  told_at timestamptz,
  -- Since when the rule has not found it any more. Not resolved as long as it may come back.
  clear_since timestamptz,
  resolved_at timestamptz,
  constraint alerts_pkey primary key (id),
  constraint alerts_severity_is_warning_or_critical check (severity in ('warning', 'critical'))
);

-- Each fires once, whichever worker evaluates and however many at once.
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
  -- Null: all attempts, those of the endpoints included.
  endpoint_id uuid,
  attempts integer not null,
  failures integer not null,
  -- Whether the endpoint has failed lately, so that the alerts look at it.
  is_watched boolean not null default false,
  -- No row is looked up by it. A publication of all tables refuses the DELETE of pruning without a key.
  constraint tallies_pkey primary key (id)
);

-- Not those of endpoints that do not fail, which can be very many.
create index tallies_for_alerts on posthorn.tallies (counted_at) where endpoint_id is null or is_watched;

-- The pulse of an endpoint, without reading the others'.
create index tallies_for_endpoints on posthorn.tallies (endpoint_id, counted_at) where endpoint_id is not null;

create table posthorn.samples (
  taken_at timestamptz not null default clock_timestamp(),
  -- Attempts and failures of this many seconds, over all workers.
  attempts integer not null,
  failures integer not null,
  seconds real not null,
  -- From the insert, or its send_at, to the end of the attempt that delivered, of webhooks that were enqueued in the last two
  -- minutes; null when there were none.
  p50_ms real,
  p95_ms real,
  p99_ms real,
  -- Unfinished webhooks, and those of them that are due and could be sent; estimates where the queue is very long.
  waiting bigint not null,
  due bigint not null,
  oldest_due_s real,
  constraint samples_pkey primary key (taken_at)
);

-- A caller that finds the row too old counts again; those that come meanwhile take the old one.
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

comment on table posthorn.definitions is 'Which text of each function and view is in force, and which version of Posthorn it belongs to.';
comment on table posthorn.identity is 'In which database webhooks are sent; a copy of it is held.';
comment on table posthorn.clock is 'When the clock of the database was last looked at: a time to come means that it was set back.';
comment on table posthorn.workers is 'The workers that were started; alive while their advisory lock is held.';
comment on table posthorn.maintenance_runs is 'The scheduled tasks: when each last ended well, how long it took, and what it did.';
comment on table posthorn.api_keys is 'Keys of the HTTP API: their hashes, and what each may do.';
comment on table posthorn.replays is 'Orders to send many webhooks again, and how far each has come.';
comment on table posthorn.brought_forward is 'When webhooks that waited would have been due before a replay made them due.';
comment on table posthorn.alerts is 'What is wrong now (fired_at set, resolved_at not) and what was.';
comment on table posthorn.alert_watch is 'When the alert rules were evaluated last.';
comment on table posthorn.tallies is 'Attempts and failures of the last two hours, as the workers counted them.';
comment on table posthorn.samples is 'How Posthorn was, a row a minute, for 15 days.';
comment on table posthorn.stats is 'How Posthorn is, as it was last counted; posthorn.take_stats() counts anew when that is old.';
