-- Records how attempts ended, many in one statement: the attempt is finished; the webhook ends, or waits for its retry.
--
-- $1 webhook ids  $2 attempt numbers  $3 what became of the webhook: 'retry', 'delivered' or 'failed'
-- $4 status codes  $5 errors  $6 error messages  $7 response bodies  $8 whether they were cut
-- $9 durations, ms  $10 ms since the attempt ended  $11 seconds until the retry; null: it keeps its place, as its lane is
-- ordered and held meanwhile (hold-lanes.sql)  $12 reasons of the end
-- $13 1 where the attempt does not count, else 0  $14 worker numbers
-- $15 lanes that have shown to be alive
--
-- Returns the ids that were ours to record, and the lanes whose breaker was open and is closed now. The fence is
-- (webhook_id, attempts, leased_by) and nothing else: with a status in it the planner took a partial index and halved the
-- throughput. What was delivered is delivered, whoever has the lease now, and in this very statement: when the attempt was
-- finished here and the webhook ended by the next statement, another worker claimed it in between (1 of 300,000 while backends
-- were terminated). All times are counted from now(), when the statement came: one that waits for a lock must not say that
-- attempts ended later than their retries were counted from. `= any($1)` beside the join keeps the lookup on the primary key whatever the statistics say.
with results as materialized (
  select *
  from unnest(
    $1::uuid[], $2::smallint[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::boolean[],
    $9::real[], $10::float8[], $11::float8[], $12::text[], $13::smallint[], $14::integer[]
  ) as r (
    webhook_id, number, became, status_code, error, error_message, response_body, response_truncated,
    duration_ms, ago_ms, retry_in_s, reason, uncounted, leased_by
  )
),
ended as (
  delete from posthorn.queue as q
  using results as r
  where q.webhook_id = any ($1::uuid[])
    and q.webhook_id = r.webhook_id
    and (
      (r.became = 'failed' and q.attempts = r.number and q.leased_by = r.leased_by)
      or (
        r.became = 'delivered'
        -- But a late 2xx from before it was put back does not take the place of sending again what had been delivered.
        and (
          r.number > q.past_attempts
          -- With a limit, as an EXISTS becomes a hashed scan of the whole table.
          or (
            select f.webhook_id
            from posthorn.former_outcomes as f
            where f.webhook_id = q.webhook_id and f.status = 'delivered'
            limit 1
          ) is null
        )
      )
    )
  returning q.webhook_id, q.outbox_id, q.lane, q.attempts, r.became, r.status_code, r.reason, r.ago_ms
),
waiting as (
  update posthorn.queue as q
  set
    due_at = coalesce(now() + (r.retry_in_s - r.ago_ms / 1000) * interval '1 second', q.due_at),
    uncounted = q.uncounted + r.uncounted,
    lease_until = null,
    leased_by = null
  from results as r
  where q.webhook_id = any ($1::uuid[])
    and q.webhook_id = r.webhook_id
    and q.attempts = r.number
    and q.leased_by = r.leased_by
    and r.became = 'retry'
  returning q.webhook_id
),
outcome as (
  insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, last_status_code, reason, finished_at)
  select
    webhook_id, outbox_id, lane, became::posthorn.webhook_status, attempts, status_code, reason,
    now() - ago_ms * interval '1 millisecond'
  from ended
),
finished as (
  update posthorn.attempts as a
  set
    finished_at = now() - r.ago_ms * interval '1 millisecond',
    duration_ms = r.duration_ms,
    status_code = r.status_code,
    error = r.error,
    error_message = r.error_message,
    response_body = r.response_body,
    response_truncated = r.response_truncated
  from results as r
  where a.webhook_id = any ($1::uuid[])
    and a.webhook_id = r.webhook_id
    and a.number = r.number
    -- Recorded before, when only the answer was lost: it ended when it was said to have ended.
    and (a.finished_at is null or a.error = 'abandoned')
),
healed as (
  -- No row, no write: that is every lane that is healthy.
  delete from posthorn.breakers
  where lane = any ($15::bigint[])
    and (paused_until is null or paused_until <= now())
  returning lane, state
),
-- A request that was in flight when the receiver asked for a pause was answered well: the pause stays.
calmed as (
  update posthorn.breakers as b
  set state = 'closed', consecutive = 0, trips = 0, open_until = null, probe_until = null, probe_by = null
  from (select lane, state from posthorn.breakers where lane = any ($15::bigint[]) and paused_until > now()) as before
  where b.lane = before.lane
    and (b.state = 'open' or b.consecutive > 0)
  returning b.lane, before.state
)
select webhook_id, null::text as closed_lane from ended
union all
select webhook_id, null from waiting
union all
select null, lane::text from healed where state = 'open'
union all
select null, lane::text from calmed where state = 'open'
