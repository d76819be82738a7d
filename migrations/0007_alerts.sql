-- Alerts: what is wrong now and what was, one row from its beginning to its end.
--
-- alerts       an alert: noticed, fired, reminded of, resolved; history for psql
-- tallies      attempts and failures that a worker counted, for the failure rates and the charts; kept for two hours
-- alert_watch  one row: when the rules were evaluated last, and how long the horizon of vacuum has not moved

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

-- Each fires once, whoever evaluates and however many at once.
create unique index alerts_for_evaluation on posthorn.alerts (rule, subject) where resolved_at is null;

create index alerts_for_prune on posthorn.alerts (resolved_at) where resolved_at is not null;

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
  -- Nobody looks one up by it. A publication of all tables refuses the DELETE of pruning without a key.
  constraint tallies_pkey primary key (id)
);

-- Not those of endpoints that do not fail, which can be very many.
create index tallies_for_alerts on posthorn.tallies (counted_at) where endpoint_id is null or is_watched;

create table posthorn.alert_watch (
  is_only boolean not null default true,
  evaluated_at timestamptz,
  oldest_xmin xid,
  oldest_xmin_since timestamptz,
  constraint alert_watch_pkey primary key (is_only),
  constraint alert_watch_has_one_row check (is_only)
);

insert into posthorn.alert_watch default values;

-- Since when most endpoints cannot be reached from this worker, which is taken for trouble of its own network.
alter table posthorn.workers add column egress_down_since timestamptz;

-- Since when this worker can claim nothing, and what Postgres says.
alter table posthorn.workers
  add column claims_failing_since timestamptz,
  add column claim_error text;

-- Endpoints that were disabled by themselves: few, however many there are.
create index endpoints_for_alerts on posthorn.endpoints (status_since)
  where status = 'disabled' and status_reason in ('failing', 'gone');

comment on table posthorn.alerts is 'What is wrong now (fired_at set, resolved_at not) and what was.';
comment on table posthorn.tallies is 'Attempts and failures of the last two hours, as the workers counted them.';
comment on table posthorn.alert_watch is 'When the alert rules were evaluated last.';
