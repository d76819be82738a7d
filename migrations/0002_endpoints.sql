-- Registered endpoints, and what the claim must know of the lanes that webhooks go through.
--
-- endpoints   an address with settings of its own, which a webhook names in place of a URL; changed rarely
-- lane_rules  what that means for the claim: a narrow row per endpoint that is held or limited, kept by a trigger. An
--             endpoint without either has none, and a webhook to it costs the claim no more than one to a plain URL
-- breakers    one narrow row per lane that fails. A healthy lane has none and costs no write
-- sealing     how far the secrets of endpoints are sealed

create type posthorn.endpoint_status as enum ('active', 'paused', 'disabled', 'deleted');

-- Secrets are sealed at rest, and replaced with an overlap. Headers may carry credentials and are kept like secrets.
--
-- Sealed is what Posthorn's processes have encrypted (AES-256-GCM) with a key that Postgres does not have:
-- sealed:v1:<key id>:<base64 of nonce, tag and ciphertext>. A secret that is inserted by SQL is plain text, and is sealed by the
-- task posthorn:secrets if there is a key. The rules see plain text only; a secret that comes sealed was checked before by the API.
create table posthorn.endpoints (
  id uuid not null default posthorn.uuid_v7(),
  lane bigint not null generated always as (posthorn.lane_of(id)) stored,
  url text not null,
  description text not null default '',
  -- Signs webhooks that do not bring a secret of their own.
  secret text,
  -- Of the secret, if it is an Ed25519 key: for receivers, no secret.
  public_key text,
  -- What the current one has replaced and signs until its expires_at, newest first: [{secret, public_key, expires_at}].
  former_secrets jsonb,
  -- Go with every webhook, below the webhook's own. An object of strings; sealed, a string.
  headers jsonb,
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

create index endpoints_for_pruning on posthorn.endpoints (status_since) where status = 'deleted';

-- Endpoints that were disabled by themselves: few, however many there are.
create index endpoints_for_alerts on posthorn.endpoints (status_since)
  where status = 'disabled' and status_reason in ('failing', 'gone');

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

create type posthorn.breaker_state as enum ('closed', 'open');

-- closed with a row: failures are being counted. open: nothing of the lane is claimed; its backlog is not touched, not
-- rescheduled and not scanned; after open_until one worker may send one webhook as a probe.
create table posthorn.breakers (
  lane bigint not null,
  state posthorn.breaker_state not null default 'closed',
  -- Failures in a row, and how often the breaker opened since the last success.
  consecutive integer not null default 0,
  trips integer not null default 0,
  failing_since timestamptz not null default clock_timestamp(),
  last_failure_at timestamptz,
  open_until timestamptz,
  -- The lease of the one probe: until when no other worker may send one, and which attempt it is. A result of an attempt before
  -- it, whose lease has run out, says nothing any more.
  probe_until timestamptz,
  probe_webhook uuid,
  probe_attempt smallint,
  -- Asked for by the receiver with 429 or 503 and Retry-After: not before, whatever the state.
  throttled_until timestamptz,
  last_error text,
  -- An address of the lane, without its query: for people.
  url text not null,
  constraint breakers_pkey primary key (lane)
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0
);

create index breakers_for_probe on posthorn.breakers (open_until) where state = 'open';

-- How the sealing is doing; one row, kept by the task posthorn:secrets.
create table posthorn.sealing (
  is_only_row boolean not null default true,
  -- Of the key that seals; null when there is none.
  key_id text,
  started_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  -- Endpoints to be sealed with it when it began, and since.
  total integer not null default 0,
  done integer not null default 0,
  plain integer not null default 0,
  -- Needed, and not in the key ring or not the ones that sealed.
  missing_keys text[] not null default '{}',
  -- In the key ring, and not needed any more.
  removable_keys text[] not null default '{}',
  constraint sealing_pkey primary key (is_only_row),
  constraint sealing_has_one_row check (is_only_row)
);

comment on table posthorn.endpoints is 'Registered endpoints: an address and its settings.';
comment on table posthorn.lane_rules is 'What the claim must know of endpoints that are held or limited; a trigger keeps it.';
comment on table posthorn.breakers is 'The lanes that fail, and whether they are sent to. A lane without a row is healthy.';
comment on table posthorn.sealing is 'How far the secrets of endpoints are sealed with the current key.';
