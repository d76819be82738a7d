-- Counts failures into the breakers of lanes, and opens those that have failed often enough for long enough.
--
-- $1 lanes  $2 failures since the last success among these results  $3 whether there was a success before them
-- $4 whether the probe failed  $5 whether the probe ended without a verdict, for trouble of our own
-- $6 last errors  $7 seconds for which the receiver asks to be left alone, or null
-- $8 failures in a row that open  $9 seconds over which they must be spread  $10 seconds of the first open interval
-- $11 and of the longest
--
-- Returns the lanes and whether each is open now. An open breaker listens to its probe alone: failures of requests that
-- were in flight when it opened change nothing. An update, not an upsert, so that two workers that count at the same
-- time count both: the second reads what the first has written.
with news as materialized (
  select *
  from unnest(
    $1::bigint[], $2::integer[], $3::boolean[], $4::boolean[], $5::boolean[], $6::text[], $7::float8[]
  ) as n (lane, failures, succeeded, probe_failed, probe_released, error, pause_s)
)
update posthorn.breakers as b
set (
  consecutive, failing_since, last_failure_at, last_error, paused_until,
  state, trips, open_until, probe_until, probe_by
) = (
  select
    counted.consecutive,
    counted.failing_since,
    clock_timestamp(),
    coalesce(n.error, b.last_error),
    greatest(b.paused_until, clock_timestamp() + n.pause_s * interval '1 second'),
    case when judged.opens then 'open' else b.state end,
    b.trips + judged.opens::integer,
    case
      when judged.opens
      then clock_timestamp()
        + least($10::float8 * power(2, least(b.trips, 20)), $11::float8) * (0.8 + random() * 0.4) * interval '1 second'
      else b.open_until
    end,
    case when judged.opens or n.probe_released then null else b.probe_until end,
    case when judged.opens or n.probe_released then null else b.probe_by end
  from (
    select
      case when n.succeeded then n.failures else b.consecutive + n.failures end as consecutive,
      case when n.succeeded or b.consecutive = 0 then clock_timestamp() else b.failing_since end as failing_since
  ) as counted
  cross join lateral (
    select
      case
        when b.state = 'open' then n.probe_failed
        else n.failures > 0
          and counted.consecutive >= $8::integer
          and clock_timestamp() - counted.failing_since >= $9::float8 * interval '1 second'
      end as opens
  ) as judged
)
from news as n
where b.lane = any ($1::bigint[])
  and b.lane = n.lane
  and (b.state = 'closed' or n.probe_failed or n.probe_released or n.pause_s is not null)
returning b.lane::text, b.state = 'open' as is_open
