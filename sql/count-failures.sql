-- Counts failures into the breakers of lanes, and opens those that have failed often enough for long enough.
--
-- $1 lanes, no two the same  $2 failures since the last success among these results  $3 whether there was a success before them
-- $4 last errors  $5 seconds for which the receiver asks to be left alone, or null
-- $6 failures in a row that open  $7 seconds over which they must be spread  $8 seconds of the first open interval
-- $9 and of the longest
-- Probes that ended without a success: $10 webhook ids, no two the same  $11 attempt numbers  $12 whether it failed; if not, it said nothing about
-- the lane, for trouble of our own or because the receiver asks for a pause.
--
-- Returns the lanes and whether each is open now; null: somebody else has its row locked, and nothing was counted. An open
-- breaker listens to its probe alone: failures of requests that were in flight when it opened change nothing, nor does a
-- probe whose lease ran out, as soon as another one is sent. A probe that said nothing begins the same interval anew. An
-- update, not an upsert, so that two workers that count at the same time count both: one of them finds the row locked, and
-- counts a moment later.
--
-- What belongs to a row is fetched by its place in $1 or $10, as in record.sql.
with failing as materialized (
  select lane
  from posthorn.breakers
  where lane = any ($1::bigint[])
),
free as materialized (
  select lane
  from posthorn.breakers
  where lane = any (array(select lane from failing))
  for update skip locked
),
counted as (
  update posthorn.breakers as b
  set (
    consecutive, failing_since, last_failure_at, last_error, throttled_until,
    state, trips, open_until, probe_until, probe_webhook, probe_attempt
  ) = (
    select
      counted.consecutive,
      counted.failing_since,
      clock_timestamp(),
      coalesce(n.error, b.last_error),
      greatest(b.throttled_until, clock_timestamp() + n.pause_s * interval '1 second'),
      case when judged.opens then 'open' else b.state end,
      b.trips + judged.opens::integer,
      case
        when judged.opens or (b.state = 'open' and not counted.probe_failed)
        then clock_timestamp()
          + least($8::float8 * power(2, least(greatest(b.trips - (not judged.opens)::integer, 0), 20)), $9::float8)
            * (0.8 + random() * 0.4) * interval '1 second'
        else b.open_until
      end,
      case when judged.opens or counted.probe_failed is not null then null else b.probe_until end,
      case when judged.opens or counted.probe_failed is not null then null else b.probe_webhook end,
      case when judged.opens or counted.probe_failed is not null then null else b.probe_attempt end
    from (
      select
        ($2::integer[])[place] as failures,
        ($3::boolean[])[place] as succeeded,
        ($4::text[])[place] as error,
        ($5::float8[])[place] as pause_s
      from (select array_position($1::bigint[], b.lane) as place offset 0) as found
    ) as n
    cross join lateral (
      select
        case when n.succeeded then n.failures else b.consecutive + n.failures end as consecutive,
        case when n.succeeded or b.consecutive = 0 then clock_timestamp() else b.failing_since end as failing_since,
        -- Null: the probe that the breaker waits for is not among these.
        case when ($11::smallint[])[place] = b.probe_attempt then ($12::boolean[])[place] end as probe_failed
      from (select array_position($10::uuid[], b.probe_webhook) as place offset 0) as found
    ) as counted
    cross join lateral (
      select
        case
          when b.state = 'open' then coalesce(counted.probe_failed, false)
          else n.failures > 0
            and counted.consecutive >= $6::integer
            and clock_timestamp() - counted.failing_since >= $7::float8 * interval '1 second'
        end as opens
    ) as judged
  )
  where b.lane = any (array(select lane from free))
    and (
      b.state = 'closed'
      or ($5::float8[])[array_position($1::bigint[], b.lane)] is not null
      or ($11::smallint[])[array_position($10::uuid[], b.probe_webhook)] = b.probe_attempt
    )
  returning b.lane::text, b.state = 'open' as is_open
)
select lane, is_open from counted
union all
select lane::text, null from failing where lane <> all (array(select lane from free))
