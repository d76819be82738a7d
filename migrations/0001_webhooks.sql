-- The road of a webhook. Each state has a table, and a change of state moves a row.
--
-- outbox           the producer's data, webhooks to one address and events; inserted, never updated
-- queue            the work that is left; a narrow row per unfinished webhook, deleted when it ends
-- attempts         a row per HTTP request, inserted before the request
-- outcomes         how a webhook ended; a row per finished webhook
-- former_outcomes  how it had ended before it was put back into the queue; a row each time
--
-- outbox, attempts and outcomes are partitioned by day on the webhook's id (UUID v7, whose first 48 bits are the time
-- in ms), so that old history is dropped and not deleted. The default partitions stay empty while the maintenance runs;
-- they exist so that a producer's insert never fails for lack of a partition. posthorn.make_partitions() makes the
-- partitions of days.
--
-- Functions are in sql/functions, views in sql/views.

-- Why this type: an enum takes 4 bytes, reads as text in psql, and refuses unknown values.
create type posthorn.webhook_status as enum ('pending', 'delivering', 'delivered', 'failed', 'cancelled');

create table posthorn.outbox (
  id uuid not null default posthorn.uuid_v7(),
  -- A URL, or a registered endpoint, or the type of an event, which goes to all of the tenant's endpoints that subscribe
  -- to it.
  url text,
  endpoint_id uuid,
  event_type text,
  -- The customer that it belongs to. Empty: the application itself. For an event, '*' means all tenants.
  tenant text default '',
  body text,
  headers jsonb,
  secret text,
  content_type text default 'application/json',
  priority text default 'normal',
  send_at timestamptz,
  max_attempts integer,
  idempotency_key text,
  traceparent text,
  created_at timestamptz default clock_timestamp(),
  -- A test of an endpoint goes directly to its URL, past its queue, but is signed like its webhooks: this column names
  -- the endpoint, so that no secret is copied into the outbox. Not for producers.
  signed_as uuid,
  constraint outbox_pkey primary key (id),
  -- One function has all rules, including NOT NULL, and explains why.
  constraint outbox_keeps_rules check (
    posthorn.outbox_keeps_rules(
      id, url, endpoint_id, event_type, tenant, body, headers, secret, content_type, priority, send_at, max_attempts,
      idempotency_key, traceparent, created_at))
) partition by range (id);

-- Events by tenant, for lists and for what an endpoint has missed. Webhooks to one address are not in it.
create index outbox_for_events on posthorn.outbox (tenant, id) where event_type is not null;

create table posthorn.outbox_default partition of posthorn.outbox default;

-- A lease is attempts, lease_until and leased_by. None of them is indexed, so that taking and returning a lease are HOT
-- updates, for which half of each page is left free. A leased row stays the same size, but a page cannot use all of its
-- free space: with a fillfactor of 50, 99.7 % of the updates were HOT; with 45, all are. The table is emptied and
-- filled all day, so it is vacuumed by count, not by share.
create table posthorn.queue (
  webhook_id uuid not null,
  outbox_id uuid not null,
  lane bigint not null,
  -- The origin and the tenant of a webhook to a URL. Those of an endpoint are in its own row, where they can change.
  origin bigint,
  tenant_key bigint,
  due_at timestamptz not null,
  lease_until timestamptz,
  leased_by integer,
  priority smallint not null,
  attempts smallint not null default 0,
  -- Attempts that are not the webhook's fault (a killed worker, no file descriptor left): they do not count.
  uncounted smallint not null default 0,
  -- Attempts before the webhook was put back: they do not count for the retry schedule.
  past_attempts smallint not null default 0,
  constraint queue_pkey primary key (webhook_id)
) with (
  fillfactor = 45,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 20000,
  autovacuum_vacuum_insert_threshold = -1
);

-- Each index has its own always-true predicate, which its query repeats. Without them, and with statistics from a time
-- when the queue was empty, the planner took one index instead of the other: claims took 5 to 7 s instead of 30 ms.
create index queue_for_claim on posthorn.queue (lane, priority, due_at) where priority < 1000;
create index queue_for_discovery on posthorn.queue (due_at) where priority > -1;

create table posthorn.attempts (
  webhook_id uuid not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  duration_ms real,
  worker integer not null,
  number smallint not null,
  status_code smallint,
  response_truncated boolean,
  error text,
  error_message text,
  response_body text,
  constraint attempts_pkey primary key (webhook_id, number)
) partition by range (webhook_id);

-- An attempt's row grows by half when its result is recorded, soon and once. With this much free space per page, the
-- update writes no index: with a fillfactor of 50, 88 to 90 % of the updates were HOT; with 40, all are, and a delivery
-- writes 30 bytes less of WAL for 23 bytes more on disk. posthorn.make_partitions() uses the same for the days.
create table posthorn.attempts_default partition of posthorn.attempts default with (fillfactor = 40);

create table posthorn.outcomes (
  webhook_id uuid not null,
  outbox_id uuid not null,
  lane bigint not null,
  finished_at timestamptz not null default clock_timestamp(),
  status posthorn.webhook_status not null,
  attempts smallint not null,
  last_status_code smallint,
  reason text,
  constraint outcomes_pkey primary key (webhook_id),
  constraint outcomes_status_is_final check (status in ('delivered', 'failed', 'cancelled'))
) partition by range (webhook_id);

-- Failed or cancelled webhooks of one endpoint are searched along the ids of all such webhooks. With the lane in the
-- index, the rows themselves need not be read: with ten million webhooks, 100,000 failures took 560 ms without it and
-- 20 ms with it. The outbox's id is included for the few webhooks with the right lane: the outbox says whether they
-- really go to the endpoint.
create index outcomes_for_failures on posthorn.outcomes (webhook_id) include (lane, outbox_id) where status = 'failed';
create index outcomes_for_cancellations on posthorn.outcomes (webhook_id) include (lane, outbox_id) where status = 'cancelled';

-- Recent failures, by the time of the failure and not of enqueueing, which may be days earlier. To find the failures of
-- the last 24 hours with outcomes_for_failures, all failures of all webhooks that may have failed then must be read,
-- each from the table, which is about every page of a week of outcomes. This index, too, has only the failures: a
-- delivery does not write to it.
create index outcomes_for_failures_by_end on posthorn.outcomes (finished_at) where status = 'failed';

create table posthorn.outcomes_default partition of posthorn.outcomes default;

-- A webhook that is resent stays the same webhook: its row moves from outcomes back to queue, and its former outcome is
-- kept here.
create table posthorn.former_outcomes (
  webhook_id uuid not null,
  outbox_id uuid not null,
  -- Null: it was put back individually.
  replay_id uuid,
  lane bigint not null,
  finished_at timestamptz not null,
  replayed_at timestamptz not null default clock_timestamp(),
  status posthorn.webhook_status not null,
  attempts smallint not null,
  last_status_code smallint,
  reason text,
  constraint former_outcomes_pkey primary key (webhook_id, replayed_at)
);

create index former_outcomes_for_replay on posthorn.former_outcomes (replay_id, webhook_id) where replay_id is not null;

-- Each tenant has its own keys.
create table posthorn.idempotency_keys (
  tenant text not null,
  key text not null,
  outbox_id uuid not null,
  expires_at timestamptz not null,
  constraint idempotency_keys_pkey primary key (tenant, key)
);

create index idempotency_keys_for_prune on posthorn.idempotency_keys (expires_at);

-- The day from which the history is complete: earlier days without a partition have been dropped. One row.
create table posthorn.history (
  is_only boolean not null default true,
  whole_from date not null default 'epoch',
  constraint history_pkey primary key (is_only),
  constraint history_has_one_row check (is_only)
);

insert into posthorn.history default values;

comment on table posthorn.outbox is 'The webhooks and events of producers. INSERT here, in your own transaction; nothing else is needed. ORMs: posthorn.new_webhooks and posthorn.new_events.';
comment on table posthorn.queue is 'The work that is left: a row per unfinished webhook.';
comment on table posthorn.attempts is 'The attempts: a row per HTTP request, written before the request.';
comment on table posthorn.outcomes is 'How webhooks ended: a row per finished webhook.';
comment on table posthorn.former_outcomes is 'How webhooks had ended before they were put back: a row each time.';
comment on table posthorn.idempotency_keys is 'The row of the outbox that each idempotency key belongs to, until the key expires.';
comment on table posthorn.history is 'The day from which the history is complete; webhooks that finished earlier have been dropped.';
