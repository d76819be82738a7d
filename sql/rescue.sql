-- Frees what a dead worker had leased, its probes too, and closes its open attempts; they do not count. The caller holds the worker's
-- advisory lock, so nobody else is that worker. Reads the whole queue, which is why it runs only after a death.
--
-- $1 worker number  $2 webhook ids to leave as they are: in flight in the process that takes the number over
--
-- A webhook that was there for several deaths in a row waits, longer each time: it may be their cause. In an ordered lane,
-- where it would be overtaken, the lane waits for it.
with released as (
  update posthorn.queue
  set
    lease_until = null,
    leased_by = null,
    uncounted = least(uncounted + 1, 32000),
    due_at = case
      when uncounted < 2 then due_at
      when exists (select from posthorn.lane_rules as r where r.lane = queue.lane and r.is_ordered) then due_at
      else clock_timestamp() + least(power(2, least(uncounted, 9)), 300) * interval '1 second'
    end
  where leased_by = $1::integer
    and webhook_id <> all ($2::uuid[])
  -- Uncounted is 1 more here than before.
  returning webhook_id, lane, uncounted
),
-- In the order in which everybody locks them, so that nobody deadlocks.
ordered as materialized (
  select lane
  from posthorn.lane_rules
  where is_ordered
    and lane = any (array(select lane from released where uncounted > 2))
  order by lane
  for update
),
held as (
  update posthorn.lane_rules as r
  set retry_at = greatest(
    r.retry_at,
    clock_timestamp() + (
      select max(least(power(2, least(s.uncounted - 1, 9)), 300)) * interval '1 second'
      from released as s
      where s.lane = r.lane))
  where r.lane = any (array(select lane from ordered))
),
closed as (
  update posthorn.attempts as a
  set
    finished_at = clock_timestamp(),
    error = 'abandoned',
    error_message = format('Worker %s ended before the attempt did', $1::integer)
  -- Earlier ones are open when a lease had run out before.
  where a.webhook_id = any (array(select webhook_id from released))
    and a.finished_at is null
),
-- In the order of the lanes, as in every statement that locks several of them.
probed as materialized (
  select lane
  from posthorn.breakers
  where lane = any (array(select lane from released))
    and probe_webhook is not null
  order by lane
  for update
),
-- A webhook has one lease, so that a probe of one that was leased is that lease.
unprobed as (
  update posthorn.breakers
  set probe_until = null, probe_webhook = null, probe_attempt = null
  where lane = any (array(select lane from probed))
    and probe_webhook = any (array(select webhook_id from released))
)
select count(*)::integer as released from released
