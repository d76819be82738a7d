-- The road of a webhook. A table for each thing that is true of one; a change of state is a row that moves.
--
-- outbox           what the producer said; inserted, never updated
-- queue            what is still to be done; a narrow row per unfinished webhook, deleted when it ends
-- attempts         what was tried; a row per HTTP request, inserted before the request
-- outcomes         how it ended; a row per finished webhook
-- former_outcomes  how it had ended before it was put back into the queue; a row per time
--
-- outbox, attempts and outcomes are partitioned by day on the webhook's id (UUID v7, whose first 48 bits are the
-- time in ms), so that old history is dropped and not deleted. The default partitions stay empty as long as the
-- maintenance runs; they are there so that a producer's insert never fails for want of a partition. The partitions of days
-- are made by posthorn.make_partitions().
--
-- Functions are in sql/functions, views in sql/views.

-- Why this type: an enum takes 4 bytes, reads as text in psql, and refuses what is not in it.
create type posthorn.webhook_status as enum ('pending', 'delivering', 'delivered', 'failed', 'cancelled');

create table posthorn.outbox (
  id uuid not null default posthorn.uuid_v7(),
  -- One of these two: an address, or a registered endpoint.
  url text,
  endpoint_id uuid,
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
  -- A test of an endpoint goes to its URL and past its queue, signed as it signs: the endpoint is named, so that no secret is
  -- copied into the outbox. Not for producers.
  signed_as uuid,
  constraint outbox_pkey primary key (id),
  -- All rules in one function, NOT NULL among them. It says why.
  constraint outbox_keeps_rules check (
    posthorn.outbox_keeps_rules(
      id, url, endpoint_id, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key, traceparent,
      created_at))
) partition by range (id);

create table posthorn.outbox_default partition of posthorn.outbox default;

-- A lease is attempts, lease_until and leased_by: none of them is indexed, so taking and giving one back are HOT
-- updates, for which half of each page is left free. A leased row stays as large as it was, but for the free space that a page
-- cannot use: at a fillfactor of 50 of the updates 99.7 % were HOT, at 45 all are. Emptied and filled all day: it is vacuumed by
-- count, not by share.
create table posthorn.queue (
  webhook_id uuid not null,
  outbox_id uuid not null,
  lane bigint not null,
  due_at timestamptz not null,
  lease_until timestamptz,
  leased_by integer,
  priority smallint not null,
  attempts smallint not null default 0,
  -- Attempts that are not the webhook's fault (a killed worker, no file descriptor left): they do not count.
  uncounted smallint not null default 0,
  -- Attempts before it was put back: they do not count for the retry schedule.
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

-- Each index has an always-true predicate of its own, repeated in its query. Without them, statistics taken while the
-- queue was empty let the planner take one index in place of the other: claims of 5 to 7 s instead of 30 ms.
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

-- An attempt grows by half when its result is recorded, soon and once. With so much of a page left free that update writes no
-- index: at a fillfactor of 50, 88 to 90 % of the updates were HOT, at 40 all are, and a delivery writes 30 bytes of WAL less for
-- 23 bytes more on disk. posthorn.make_partitions() gives it to the days.
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

-- What failed, or was cancelled, of one endpoint is looked for along the ids of all that did. With the lane in the index the rows
-- themselves need not be read: of ten million webhooks, 100,000 failures took 560 ms without, and 20 ms with it. The outbox's id
-- is there for those few whose lane is right: whether they really go to the endpoint stands in the outbox.
create index outcomes_for_failures on posthorn.outcomes (webhook_id) include (lane, outbox_id) where status = 'failed';
create index outcomes_for_cancellations on posthorn.outcomes (webhook_id) include (lane, outbox_id) where status = 'cancelled';

-- What failed lately, by when it failed and not by when it was enqueued: that may be days before. To find the failures of the last
-- 24 hours along outcomes_for_failures, all failures of all webhooks that may have failed then must be looked at, each in the
-- table, which is about every page of a week of outcomes. This index holds no more than the failures either: a delivery does not
-- write to it.
create index outcomes_for_failures_by_end on posthorn.outcomes (finished_at) where status = 'failed';

create table posthorn.outcomes_default partition of posthorn.outcomes default;

-- A webhook that is sent again stays the same webhook: its row moves from outcomes back to queue, and what it was is kept here.
create table posthorn.former_outcomes (
  webhook_id uuid not null,
  outbox_id uuid not null,
  -- Null: it was put back by itself.
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

create table posthorn.idempotency_keys (
  key text not null,
  webhook_id uuid not null,
  expires_at timestamptz not null,
  constraint idempotency_keys_pkey primary key (key)
);

create index idempotency_keys_for_prune on posthorn.idempotency_keys (expires_at);

-- From which day on the history is whole: of the days before it, those without a partition have been dropped. One row.
create table posthorn.history (
  is_only boolean not null default true,
  whole_from date not null default 'epoch',
  constraint history_pkey primary key (is_only),
  constraint history_has_one_row check (is_only)
);

insert into posthorn.history default values;

comment on table posthorn.outbox is 'What producers said. INSERT here, in your own transaction; nothing else is needed.';
comment on table posthorn.queue is 'What is still to be done: a row per unfinished webhook.';
comment on table posthorn.attempts is 'What was tried: a row per HTTP request, written before the request.';
comment on table posthorn.outcomes is 'How it ended: a row per finished webhook.';
comment on table posthorn.former_outcomes is 'How webhooks had ended before they were put back: a row per time.';
comment on table posthorn.idempotency_keys is 'Which webhook an idempotency key stands for, until it expires.';
comment on table posthorn.history is 'From which day on the history is whole; what was finished before has been dropped.';
