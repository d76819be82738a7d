-- Records how attempts ended, many in one statement: the attempt is finished; the webhook ends, or waits for its retry.
--
-- $1 webhook ids, no two the same  $2 attempt numbers  $3 what became of the webhook: 0 retry, 1 delivered, 2 failed
-- $4 status codes  $5 errors  $6 error messages  $7 response bodies  $8 whether they were cut
-- $9 durations, ms  $10 ms since the attempt ended  $11 seconds until the retry  $12 reasons of the end
-- $13 1 where the attempt does not count, else 0  $14 worker numbers
-- $15 lanes that have shown to be alive
-- $16 lanes of the webhooks that are to be tried again, and of those whose result was brought before and put off
--
-- Returns the ids that were ours to record, with the number of the latest attempt of those that ended, and lanes with what is
-- to be said of them ("lane_is"): 'closed', its breaker was open; 'held', ordered, until a retry; 'rule_locked' and
-- 'breaker_locked', somebody else has that row locked, and nothing was done that needs it. Results that need it are brought
-- again by the caller: a person who changes an endpoint and does not commit holds up nothing of any other lane.
--
-- The fence is (webhook_id, attempts, leased_by) and nothing else: with a status in it the planner took a partial index and halved the
-- throughput. What was delivered is delivered, whoever has the lease now, and in this very statement: when the attempt was
-- finished here and the webhook ended by the next statement, another worker claimed it in between (1 of 300,000 while backends
-- were terminated). All times are counted from now(), when the statement came: one that waits for a lock must not say that
-- attempts ended later than their retries were counted from.
--
-- `= any($1)` keeps the lookups on the primary keys whatever the statistics say, and what belongs to a row found is fetched
-- by its place in $1. As a join of the arrays' rows each of n rows was compared with n others: 35 us a result in statements
-- of 250, of which this takes half.
with ended as (
  delete from posthorn.queue as q
  where q.webhook_id = any ($1::uuid[])
    and case ($3::smallint[])[array_position($1::uuid[], q.webhook_id)]
      when 1 then
        -- But a late 2xx from before it was put back does not take the place of sending again what had been delivered.
        q.past_attempts = 0
        or ($2::smallint[])[array_position($1::uuid[], q.webhook_id)] > q.past_attempts
        -- With a limit, as an EXISTS becomes a hashed scan of the whole table.
        or (
          select f.webhook_id
          from posthorn.former_outcomes as f
          where f.webhook_id = q.webhook_id and f.status = 'delivered'
            and f.attempts >= ($2::smallint[])[array_position($1::uuid[], q.webhook_id)]
          limit 1
        ) is null
      when 2 then
        q.attempts = ($2::smallint[])[array_position($1::uuid[], q.webhook_id)]
        and q.leased_by = ($14::integer[])[array_position($1::uuid[], q.webhook_id)]
      else false
    end
  returning q.webhook_id, q.outbox_id, q.lane, q.attempts, array_position($1::uuid[], q.webhook_id) as place
),
-- Ended by a late result: the webhook has been tried again since, and its lane may be held until it is tried once more.
ended_late as materialized (
  select webhook_id, lane
  from ended
  where attempts <> ($2::smallint[])[place]
),
-- Whether a lane is ordered is read here, and locked, and not what it was when the webhook was claimed: in an ordered lane
-- a webhook keeps its place and the lane is held; in any other the webhook alone waits. Read first without the lock, so that it
-- is known what could not be locked.
ruled as materialized (
  select lane
  from posthorn.lane_rules
  where lane = any ($16::bigint[] || array(select lane from ended_late))
    and is_ordered
),
ordered as materialized (
  select lane
  from posthorn.lane_rules
  where lane = any (array(select lane from ruled))
    and is_ordered
  for no key update skip locked
),
rule_locked as materialized (
  select lane
  from ruled
  where lane <> all (array(select lane from ordered))
),
-- Their attempts stay open as well: whoever rescues them would count a failure and not wait for its retry.
put_off as materialized (
  select q.webhook_id
  from posthorn.queue as q
  where q.webhook_id = any (array(
      select r.webhook_id
      from unnest($1::uuid[], $3::smallint[]) as r (webhook_id, became)
      where r.became = 0 and exists (select from rule_locked)))
    and q.lane = any (array(select lane from rule_locked))
),
waiting as (
  update posthorn.queue as q
  set
    (due_at, uncounted) = (
      select
        case
          when q.lane = any (array(select lane from ordered)) then q.due_at
          -- Never before this transaction has an id: the window of the claim would not look there (domain/visibility.ts).
          else greatest(
            clock_timestamp(),
            now() + (($11::float8[])[place] - ($10::float8[])[place] / 1000) * interval '1 second')
        end,
        least(q.uncounted + ($13::smallint[])[place], 32767)
      from (select array_position($1::uuid[], q.webhook_id) as place offset 0) as found
    ),
    lease_until = null,
    leased_by = null
  where q.webhook_id = any (array(
      select r.webhook_id
      from unnest($1::uuid[], $3::smallint[]) as r (webhook_id, became)
      where r.became = 0))
    and q.attempts = ($2::smallint[])[array_position($1::uuid[], q.webhook_id)]
    and q.leased_by = ($14::integer[])[array_position($1::uuid[], q.webhook_id)]
    and q.webhook_id <> all (array(select webhook_id from put_off))
  returning q.webhook_id, q.lane, array_position($1::uuid[], q.webhook_id) as place
),
held as (
  update posthorn.lane_rules as r
  set retry_at = greatest(r.retry_at, n.retry_at), retry_of = n.webhook_id
  from (
    -- More than one only if they were sent before the lane became ordered.
    select distinct on (w.lane)
      w.lane,
      w.webhook_id,
      now() + (($11::float8[])[w.place] - ($10::float8[])[w.place] / 1000) * interval '1 second' as retry_at
    from waiting as w
    where w.lane = any (array(select lane from ordered))
    order by w.lane, retry_at desc
  ) as n
  where r.lane = any (array(select lane from ordered))
    and r.lane = n.lane
  returning r.lane
),
-- What an ordered lane was held for has ended: now, or when its result was brought before and the lane was locked.
freed as (
  update posthorn.lane_rules as r
  set retry_at = null, retry_of = null
  where r.lane = any (array(select lane from ordered))
    and r.retry_at > now()
    and ($3::smallint[])[array_position($1::uuid[], r.retry_of)] = 1
    and (
      r.retry_of = any (array(select webhook_id from ended))
      -- With a limit, as above.
      or (select q.webhook_id from posthorn.queue as q where q.webhook_id = r.retry_of limit 1) is null
    )
    and r.lane <> all (array(select lane from held))
  returning r.lane
),
outcome as (
  insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, last_status_code, reason, finished_at)
  select
    webhook_id,
    outbox_id,
    lane,
    case ($3::smallint[])[place] when 1 then 'delivered' else 'failed' end::posthorn.webhook_status,
    attempts,
    ($4::smallint[])[place],
    ($12::text[])[place],
    now() - ($10::float8[])[place] * interval '1 millisecond'
  from ended
),
finished as (
  update posthorn.attempts as a
  set (finished_at, duration_ms, status_code, error, error_message, response_body, response_truncated) = (
    select
      now() - ($10::float8[])[place] * interval '1 millisecond',
      ($9::real[])[place],
      ($4::smallint[])[place],
      ($5::text[])[place],
      ($6::text[])[place],
      ($7::text[])[place],
      ($8::boolean[])[place]
    from (select array_position($1::uuid[], a.webhook_id) as place offset 0) as found
  )
  where a.webhook_id = any ($1::uuid[])
    and a.number = ($2::smallint[])[array_position($1::uuid[], a.webhook_id)]
    -- Recorded before, when only the answer was lost: it ended when it was said to have ended.
    and (a.finished_at is null or a.error = 'abandoned')
    and a.webhook_id <> all (array(select webhook_id from put_off))
),
-- No row, no write: that is every lane that is healthy.
failing as materialized (
  select lane
  from posthorn.breakers
  where lane = any ($15::bigint[])
),
alive as materialized (
  select lane, state, consecutive, coalesce(throttled_until > now(), false) as is_throttled
  from posthorn.breakers
  where lane = any (array(select lane from failing))
  for update skip locked
),
healed as (
  delete from posthorn.breakers
  where lane = any (array(select lane from alive where not is_throttled))
),
-- A request that was in flight when the receiver asked for a pause was answered well: the pause stays.
calmed as (
  update posthorn.breakers
  set state = 'closed', consecutive = 0, trips = 0, open_until = null, probe_until = null, probe_webhook = null,
    probe_attempt = null
  where lane = any (array(select lane from alive where is_throttled and (state = 'open' or consecutive > 0)))
)
select webhook_id, attempts, null::text as lane, null::text as lane_is from ended
union all
select webhook_id, null, null, null from waiting
union all
select null, null, lane::text, 'closed' from alive where state = 'open'
union all
select null, null, lane::text, 'held' from held
union all
select null, null, lane::text, 'rule_locked' from rule_locked
union all
select null, null, lane::text, 'breaker_locked' from failing where lane <> all (array(select lane from alive))
union all
-- Adds no row. It tells the workers, one of which owns the lane and holds it in memory.
select null, null, null, null from freed where pg_notify('posthorn_wake', 'rules:' || lane) is null
