-- Records how attempts ended, many in one statement: each attempt is finished, and its webhook ends or waits for its retry.
--
-- psql "$DATABASE_URL" -c begin -f sql/record.sql -c rollback \
--   -v webhook_ids='{0199c0de-0000-7000-8000-000000000001}' -v numbers='{1}' -v became='{1}' \
--   -v status_codes='{200}' -v errors='{null}' -v error_messages='{null}' -v response_bodies='{ok}' \
--   -v are_truncated='{false}' -v durations_ms='{20}' -v ended_ago_ms='{5}' -v retry_in_s='{0}' -v reasons='{null}' \
--   -v uncounted='{0}' -v worker_numbers='{1}' -v alive_keys='{1}' -v needed_lanes='{}'
--
-- One element of each array describes one result; webhook_ids has no two the same.
-- became: 0 retry, 1 delivered, 2 failed. are_truncated: the response body was cut. reasons: why the webhook ended.
-- uncounted: 1 if the attempt does not count, else 0.
-- alive_keys: lanes and origins that have shown to be alive.
-- needed_lanes: lanes of the webhooks that wait for a retry, and of results that were brought before and put off.
--
-- Returns the ids that were ours to record, with the number of the latest attempt if the webhook ended; and lanes with what is to be
-- said of them in "lane_is". 'closed': its breaker was open; 'origin_closed': it is an origin, and its breaker was open. 'held': it is ordered and waits for a retry. 'rule_locked',
-- 'breaker_locked': another session has locked that row, and nothing that needs it was done. The caller brings results that need it
-- again, so that a person who changes an endpoint and does not commit holds up no other lane.
--
-- The fence is (webhook_id, attempts, leased_by) and nothing else: with a status in it the planner used a partial index and halved
-- the throughput. A delivered webhook is delivered, whoever has the lease now, and in this very statement: when one statement
-- finished the attempt and the next one ended the webhook, another worker claimed it in between (1 of 300,000 while backends
-- were terminated). All times are counted from now(), when the statement arrived: a statement that waits for a lock must not say
-- that attempts ended later than the time from which their retries were counted.
--
-- `= any(webhook_ids)` keeps the lookups on the primary keys, whatever the statistics say. The values of a row are found by its
-- place in webhook_ids. As a join with the rows of the arrays, each of n rows was compared with n others: 35 us a result in
-- statements of 250, twice as much as this takes.
with ended as (
  delete from posthorn.queue as q
  where q.webhook_id = any (:'webhook_ids'::uuid[])
    and case (:'became'::smallint[])[array_position(:'webhook_ids'::uuid[], q.webhook_id)]
      when 1 then
        -- But a late 2xx from before the webhook was put back does not end it if it had been delivered and is sent again.
        q.past_attempts = 0
        or (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], q.webhook_id)] > q.past_attempts
        -- With a limit, as an EXISTS becomes a hashed scan of the whole table.
        or (
          select f.webhook_id
          from posthorn.former_outcomes as f
          where f.webhook_id = q.webhook_id and f.status = 'delivered'
            and f.attempts >= (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], q.webhook_id)]
          limit 1
        ) is null
      when 2 then
        q.attempts = (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], q.webhook_id)]
        and q.leased_by = (:'worker_numbers'::integer[])[array_position(:'webhook_ids'::uuid[], q.webhook_id)]
      else false
    end
  returning q.webhook_id, q.outbox_id, q.lane, q.attempts, array_position(:'webhook_ids'::uuid[], q.webhook_id) as place
),
-- Ended by a late result: the webhook has been tried again since, and its lane may wait until it is tried once more.
ended_late as materialized (
  select webhook_id, lane
  from ended
  where attempts <> (:'numbers'::smallint[])[place]
),
-- Whether a lane is ordered is read and locked here, because it may have changed since the claim. In an ordered lane the webhook
-- keeps its place and the lane waits; in any other lane only the webhook waits. The rows are first read without the lock, so that
-- the statement knows which of them it could not lock.
ruled as materialized (
  select lane
  from posthorn.lane_rules
  where lane = any (:'needed_lanes'::bigint[] || array(select lane from ended_late))
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
-- Their attempts stay open as well: the rescue would count a failure and not wait for its retry.
put_off as materialized (
  select q.webhook_id
  from posthorn.queue as q
  where q.webhook_id = any (array(
      select r.webhook_id
      from unnest(:'webhook_ids'::uuid[], :'became'::smallint[]) as r (webhook_id, became)
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
            now() + ((:'retry_in_s'::float8[])[place] - (:'ended_ago_ms'::float8[])[place] / 1000) * interval '1 second')
        end,
        least(q.uncounted + (:'uncounted'::smallint[])[place], 32767)
      from (select array_position(:'webhook_ids'::uuid[], q.webhook_id) as place offset 0) as found
    ),
    lease_until = null,
    leased_by = null
  where q.webhook_id = any (array(
      select r.webhook_id
      from unnest(:'webhook_ids'::uuid[], :'became'::smallint[]) as r (webhook_id, became)
      where r.became = 0))
    and q.attempts = (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], q.webhook_id)]
    and q.leased_by = (:'worker_numbers'::integer[])[array_position(:'webhook_ids'::uuid[], q.webhook_id)]
    and q.webhook_id <> all (array(select webhook_id from put_off))
  returning q.webhook_id, q.lane, array_position(:'webhook_ids'::uuid[], q.webhook_id) as place
),
held as (
  update posthorn.lane_rules as r
  set retry_at = greatest(r.retry_at, n.retry_at), retry_of = n.webhook_id
  from (
    -- More than one only if they were sent before the lane became ordered.
    select distinct on (w.lane)
      w.lane,
      w.webhook_id,
      now() + ((:'retry_in_s'::float8[])[w.place] - (:'ended_ago_ms'::float8[])[w.place] / 1000) * interval '1 second' as retry_at
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
    and (:'became'::smallint[])[array_position(:'webhook_ids'::uuid[], r.retry_of)] = 1
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
    case (:'became'::smallint[])[place] when 1 then 'delivered' else 'failed' end::posthorn.webhook_status,
    attempts,
    (:'status_codes'::smallint[])[place],
    (:'reasons'::text[])[place],
    now() - (:'ended_ago_ms'::float8[])[place] * interval '1 millisecond'
  from ended
),
finished as (
  update posthorn.attempts as a
  set (started_at, finished_at, duration_ms, status_code, error, error_message, response_body, response_truncated) = (
    select
      -- Later than the claim if the webhook waited for its turn in an ordered lane.
      greatest(
        a.started_at,
        now() - ((:'ended_ago_ms'::float8[])[place] + (:'durations_ms'::real[])[place]) * interval '1 millisecond'),
      now() - (:'ended_ago_ms'::float8[])[place] * interval '1 millisecond',
      (:'durations_ms'::real[])[place],
      (:'status_codes'::smallint[])[place],
      (:'errors'::text[])[place],
      (:'error_messages'::text[])[place],
      (:'response_bodies'::text[])[place],
      (:'are_truncated'::boolean[])[place]
    from (select array_position(:'webhook_ids'::uuid[], a.webhook_id) as place offset 0) as found
  )
  where a.webhook_id = any (:'webhook_ids'::uuid[])
    and a.number = (:'numbers'::smallint[])[array_position(:'webhook_ids'::uuid[], a.webhook_id)]
    -- Recorded before, when only the answer was lost: it ended when it was said to have ended.
    and (a.finished_at is null or a.error = 'abandoned')
    and a.webhook_id <> all (array(select webhook_id from put_off))
),
-- No row, no write: that is every lane and every origin that is healthy.
failing as materialized (
  select key
  from posthorn.breakers
  where key = any (:'alive_keys'::bigint[])
),
alive as materialized (
  select key, origin, state, consecutive, coalesce(throttled_until > now(), false) as is_throttled
  from posthorn.breakers
  where key = any (array(select key from failing))
  for update skip locked
),
healed as (
  delete from posthorn.breakers
  where key = any (array(select key from alive where not is_throttled))
),
-- A request that was in flight when the receiver asked for a pause was answered well: the pause stays.
calmed as (
  update posthorn.breakers
  set state = 'closed', consecutive = 0, trips = 0, open_until = null, probe_until = null, probe_webhook = null,
    probe_attempt = null
  where key = any (array(select key from alive where is_throttled and (state = 'open' or consecutive > 0)))
)
select webhook_id, attempts, null::text as lane, null::text as lane_is from ended
union all
select webhook_id, null, null, null from waiting
union all
select null, null, key::text, case when key = origin then 'origin_closed' else 'closed' end from alive where state = 'open'
union all
select null, null, lane::text, 'held' from held
union all
select null, null, lane::text, 'rule_locked' from rule_locked
union all
select null, null, key::text, 'breaker_locked' from failing where key <> all (array(select key from alive))
union all
-- Adds no row. It tells the workers, one of which owns the lane and holds it in memory.
select null, null, null, null from freed where pg_notify('posthorn_wake', 'rules:' || lane) is null
