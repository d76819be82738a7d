-- Circuit breakers: one narrow row per lane that fails. A healthy lane has none and costs no write.
--
-- closed with a row: failures are being counted. open: nothing of the lane is claimed; its backlog is not touched, not
-- rescheduled and not scanned; after open_until one worker may send one webhook as a probe.

create type posthorn.breaker_state as enum ('closed', 'open');

create table posthorn.breakers (
  lane bigint not null,
  state posthorn.breaker_state not null default 'closed',
  -- Failures in a row, and how often the breaker opened since the last success.
  consecutive integer not null default 0,
  trips integer not null default 0,
  failing_since timestamptz not null default clock_timestamp(),
  last_failure_at timestamptz,
  open_until timestamptz,
  -- The lease of the one probe: until when nobody else may send one, and which attempt it is. A result of an attempt before it,
  -- whose lease has run out, says nothing any more.
  probe_until timestamptz,
  probe_webhook uuid,
  probe_attempt smallint,
  -- Asked for by the receiver with 429 or 503 and Retry-After: not before, whatever the state.
  paused_until timestamptz,
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

comment on table posthorn.breakers is 'The lanes that fail, and whether they are sent to. A lane without a row is healthy.';
