-- Counts failures into the breakers of lanes, and opens those that have failed often enough for long enough.
--
-- $1 lanes, no two the same  $2 failures since the last success among these results  $3 whether there was a success before them
-- $4 whether the probe failed  $5 whether the probe ended without a verdict, for trouble of our own
-- $6 last errors  $7 seconds for which the receiver asks to be left alone, or null
-- $8 failures in a row that open  $9 seconds over which they must be spread  $10 seconds of the first open interval
-- $11 and of the longest
--
-- Returns the lanes and whether each is open now. An open breaker listens to its probe alone: failures of requests that
-- were in flight when it opened change nothing. An update, not an upsert, so that two workers that count at the same
-- time count both: the second reads what the first has written.
--
-- What belongs to a row is fetched by its place in $1, as in record.sql.
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
      ($2::integer[])[place] as failures,
      ($3::boolean[])[place] as succeeded,
      ($4::boolean[])[place] as probe_failed,
      ($5::boolean[])[place] as probe_released,
      ($6::text[])[place] as error,
      ($7::float8[])[place] as pause_s
    from (select array_position($1::bigint[], b.lane) as place offset 0) as found
  ) as n
  cross join lateral (
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
where b.lane = any ($1::bigint[])
  and (
    b.state = 'closed'
    or ($4::boolean[])[array_position($1::bigint[], b.lane)]
    or ($5::boolean[])[array_position($1::bigint[], b.lane)]
    or ($7::float8[])[array_position($1::bigint[], b.lane)] is not null
  )
returning b.lane::text, b.state = 'open' as is_open
