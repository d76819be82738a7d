-- Counts failures into the breakers of lanes and origins, and opens a breaker after enough failures in a row over enough time.
--
-- psql "$DATABASE_URL" -c begin -f sql/count-failures.sql -c rollback \
--   -v keys='{1}' -v failures='{1}' -v succeeded='{false}' -v errors='{http_500}' -v pauses_s='{null}' -v only_lanes='{null}' \
--   -v open_after=10 -v open_over_s=30 -v first_open_s=30 -v max_open_s=900 \
--   -v probe_ids='{0199c0de-0000-7000-8000-000000000001}' -v probe_numbers='{1}' -v probe_failed='{true}'
--
-- keys: of lanes and origins, no two the same. failures: since the last success among these results; of an origin, since its last
-- answer. succeeded: there was a success before them. errors: the last of each, or null. pauses_s: seconds for which the receiver
-- asks to be left alone, or null. only_lanes: of an origin, the only lane that failed; null if several did.
-- open_after: failures in a row. open_over_s: they must be spread over this time. first_open_s, max_open_s: how long it stays open.
-- probe_ids, probe_numbers: probes that ended without a success, no two the same. probe_failed: false if the probe said nothing
-- about the lane, because the trouble was ours or the receiver asks for a pause.
--
-- An origin opens only if several of its lanes have failed since it last answered: one consumer that hangs must not hold up the
-- others, and has a breaker of its own. A lane opens unless that is so and the origin has not answered since the lane's failures
-- began: then the origin opens.
--
-- Returns the keys and whether each is open now; null if another session has locked the row, so that nothing was counted. An open
-- breaker listens only to its probe. Failures of requests that were in flight when it opened change nothing, and neither does a
-- probe whose lease ran out once another one is sent. A probe that said nothing starts the same interval again. This is an
-- update, not an upsert, so that two workers that count at the same time both count: the second finds the row locked and counts a
-- moment later.
--
-- Values of a row are found by its place in keys or in probe_ids, as in record.sql.
with failing as materialized (
  select key
  from posthorn.breakers
  where key = any (:'keys'::bigint[])
),
free as materialized (
  select key
  from posthorn.breakers
  where key = any (array(select key from failing))
  for update skip locked
),
counted as (
  update posthorn.breakers as b
  set (
    consecutive, failing_since, only_lane, last_failure_at, last_error, throttled_until,
    state, trips, open_until, probe_until, probe_webhook, probe_attempt
  ) = (
    select
      counted.consecutive,
      counted.failing_since,
      counted.only_lane,
      clock_timestamp(),
      coalesce(n.error, b.last_error),
      greatest(b.throttled_until, clock_timestamp() + n.pause_s * interval '1 second'),
      case when judged.opens then 'open' else b.state end,
      b.trips + judged.opens::integer,
      case
        when judged.opens or (b.state = 'open' and not counted.probe_failed)
        then clock_timestamp()
          + least(:'first_open_s'::float8 * power(2, least(greatest(b.trips - (not judged.opens)::integer, 0), 20)), :'max_open_s'::float8)
            * (0.8 + random() * 0.4) * interval '1 second'
        else b.open_until
      end,
      case when judged.opens or counted.probe_failed is not null then null else b.probe_until end,
      case when judged.opens or counted.probe_failed is not null then null else b.probe_webhook end,
      case when judged.opens or counted.probe_failed is not null then null else b.probe_attempt end
    from (
      select
        (:'failures'::integer[])[place] as failures,
        (:'succeeded'::boolean[])[place] as succeeded,
        (:'errors'::text[])[place] as error,
        (:'pauses_s'::float8[])[place] as pause_s,
        (:'only_lanes'::bigint[])[place] as only_lane
      from (select array_position(:'keys'::bigint[], b.key) as place offset 0) as found
    ) as n
    cross join lateral (
      select
        case when n.succeeded then n.failures else b.consecutive + n.failures end as consecutive,
        case when n.succeeded or b.consecutive = 0 then clock_timestamp() else b.failing_since end as failing_since,
        case
          when n.succeeded or b.consecutive = 0 or n.only_lane = b.only_lane then n.only_lane
          when n.failures = 0 then b.only_lane
        end as only_lane,
        -- Null: the probe that the breaker waits for is not among these.
        case when (:'probe_numbers'::smallint[])[place] = b.probe_attempt then (:'probe_failed'::boolean[])[place] end as probe_failed
      from (select array_position(:'probe_ids'::uuid[], b.probe_webhook) as place offset 0) as found
    ) as counted
    cross join lateral (
      select
        case
          when b.state = 'open' then coalesce(counted.probe_failed, false)
          else n.failures > 0
            and counted.consecutive >= :'open_after'::integer
            and clock_timestamp() - counted.failing_since >= :'open_over_s'::float8 * interval '1 second'
            and case
              when b.key = b.origin then counted.only_lane is null
              else (
                select o.key
                from posthorn.breakers as o
                where o.key = b.origin
                  and o.only_lane is null
                  and o.consecutive > 0
                  and o.failing_since <= counted.failing_since
                limit 1
              ) is null
            end
        end as opens
    ) as judged
  )
  where b.key = any (array(select key from free))
    and (
      b.state = 'closed'
      or (:'pauses_s'::float8[])[array_position(:'keys'::bigint[], b.key)] is not null
      or (:'probe_numbers'::smallint[])[array_position(:'probe_ids'::uuid[], b.probe_webhook)] = b.probe_attempt
    )
  returning b.key::text, b.key = b.origin as is_origin, b.state = 'open' as is_open
)
select key, is_origin, is_open from counted
union all
select key::text, null, null from failing where key <> all (array(select key from free))
