-- Registered endpoints, and the facts about lanes that the claim needs.
--
-- endpoints   URLs with their own settings; a webhook names an endpoint instead of a URL; changed rarely
-- lane_rules  the settings that the claim needs: a narrow row per held or limited endpoint, and one per limited tenant,
--             written by triggers. Other endpoints have none, and a webhook to them costs the claim no more than one to
--             a plain URL
-- breakers    a narrow row per lane or origin that fails. A healthy one has none and costs no write
-- sealing     the progress of sealing the secrets of endpoints

create type posthorn.endpoint_status as enum ('active', 'paused', 'disabled', 'deleted');

-- Secrets are sealed at rest, and replaced with an overlap. Headers may contain credentials and are treated like secrets.
--
-- A sealed text was encrypted by Posthorn's processes (AES-256-GCM) with a key that Postgres does not have:
-- sealed:v1:<key id>:<base64 of nonce, tag and ciphertext>. A secret inserted by SQL is plain text; the task
-- posthorn:secrets seals it if there is a key. The rules can check only plain text; a secret that arrives sealed was
-- checked by the API.
create table posthorn.endpoints (
  id uuid not null default posthorn.uuid_v7(),
  -- The customer whose events it can subscribe to; it stays the same. Empty: the application itself.
  tenant text not null default '',
  lane bigint not null generated always as (posthorn.lane_of(id)) stored,
  origin bigint generated always as (posthorn.origin_of(url)) stored,
  tenant_key bigint generated always as (posthorn.tenant_key(tenant)) stored,
  url text not null,
  description text not null default '',
  -- Signs webhooks without their own secret.
  secret text,
  -- The public key of an Ed25519 secret. It is for receivers and not secret.
  public_key text,
  -- Former secrets that still sign until their expires_at, newest first: [{secret, public_key, expires_at}].
  former_secrets jsonb,
  -- Sent with every webhook; the webhook's own headers override them. An object of strings; sealed, a string.
  headers jsonb,
  status posthorn.endpoint_status not null default 'active',
  -- Why it is not active: by_request, failing or gone.
  status_reason text,
  status_since timestamptz not null default clock_timestamp(),
  -- For all workers together. Null: as many as the endpoint turns out to handle.
  max_in_flight integer,
  -- For all workers together. Null: no limit.
  rate_limit_per_s double precision,
  timeout_ms integer,
  -- Seconds before each retry. Null: POSTHORN_RETRY_SCHEDULE; empty: no retry.
  retry_schedule_s integer[],
  -- One request at a time, in the order of sending; a webhook that waits for a retry delays the later ones.
  ordered boolean not null default false,
  -- Answers 410 Gone since the last success; the second disables the endpoint.
  gone_answers smallint not null default 0,
  -- It was disabled, and the events of that time are being enqueued. An ordered endpoint is held meanwhile.
  catching_up boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint endpoints_pkey primary key (id),
  constraint endpoints_lane_is_unique unique (lane)
);

create index endpoints_for_tenants on posthorn.endpoints (tenant, id);

-- The endpoints of an origin whose breaker is open.
create index endpoints_for_origins on posthorn.endpoints (origin);

create index endpoints_for_pruning on posthorn.endpoints (status_since) where status = 'deleted';

-- Endpoints that Posthorn disabled: few, even if there are many endpoints.
create index endpoints_for_alerts on posthorn.endpoints (status_since)
  where status = 'disabled' and status_reason in ('failing', 'gone');

create table posthorn.lane_rules (
  -- Or the key of a tenant. One key space, so that a tenant has an owner as a lane does.
  lane bigint not null,
  -- Paused, disabled, or ordered and catching up: nothing of the lane is claimed.
  is_held boolean not null,
  is_ordered boolean not null,
  -- The limits hold for all lanes of a tenant together.
  is_tenant boolean not null default false,
  max_in_flight integer,
  rate_limit_per_s double precision,
  -- The number of the only worker that sends to it, because a limit that one process enforces holds for all of them.
  owner integer,
  -- Nothing is sent before this time, because the former owner did not stop in order and its recent requests are not
  -- known.
  rate_from timestamptz,
  -- Ordered lanes: when the first webhook is tried again, and which one it is. The later ones wait for it.
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

-- Answers that are failures count to their lane. Requests without an answer count to the origin as well, and every answer
-- shows that the origin is alive.
--
-- A closed breaker with a row: failures are being counted. Open: nothing of the lane, or of all lanes of the origin, is
-- claimed, and the backlog is not touched or rescheduled; after open_until one worker may send one webhook as a probe.
create table posthorn.breakers (
  -- Of a lane, or of an origin.
  key bigint not null,
  -- For people. Of a lane: one of its URLs, without the query. Of an origin: scheme, host and port.
  url text not null,
  -- That of the lane. An origin's row has its own key here.
  origin bigint not null generated always as (posthorn.origin_of(url)) stored,
  state posthorn.breaker_state not null default 'closed',
  -- Failures in a row, and how often the breaker opened since the last success.
  consecutive integer not null default 0,
  trips integer not null default 0,
  failing_since timestamptz not null default clock_timestamp(),
  last_failure_at timestamptz,
  open_until timestamptz,
  -- The lease of the only probe: the time until which no other worker may send one, and the attempt. The result of an
  -- earlier attempt, whose lease has expired, no longer counts.
  probe_until timestamptz,
  probe_webhook uuid,
  probe_attempt smallint,
  -- The receiver asked for this pause with 429 or 503 and Retry-After: nothing is sent before, whatever the state.
  throttled_until timestamptz,
  last_error text,
  -- Of an origin: its only lane that has failed since it last answered. Null: several have.
  only_lane bigint,
  constraint breakers_pkey primary key (key)
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0
);

-- Of lanes. Those of origins are looked up by their keys.
create index breakers_for_probe on posthorn.breakers (open_until) where state = 'open' and key <> origin;

create index breakers_for_origins on posthorn.breakers (origin);

-- The progress of sealing; one row, written by the task posthorn:secrets.
create table posthorn.sealing (
  is_only_row boolean not null default true,
  -- The id of the key that seals; null: there is none.
  key_id text,
  started_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  -- Endpoints to seal with it, counted at the start, and later ones.
  total integer not null default 0,
  done integer not null default 0,
  plain integer not null default 0,
  -- Needed keys that are not in the key ring, or differ from those that sealed.
  missing_keys text[] not null default '{}',
  -- Keys in the key ring that are no longer needed.
  removable_keys text[] not null default '{}',
  constraint sealing_pkey primary key (is_only_row),
  constraint sealing_has_one_row check (is_only_row)
);

comment on table posthorn.endpoints is 'Registered endpoints: their URLs and settings.';
comment on table posthorn.lane_rules is 'The settings of held or limited endpoints and of limited tenants that the claim needs; written by triggers.';
comment on table posthorn.breakers is 'The failing lanes and origins and the state of their breakers. One without a row is healthy.';
comment on table posthorn.sealing is 'The progress of sealing the secrets of endpoints with the current key.';
