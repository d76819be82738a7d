-- Frees what a dead worker had leased, its probes too, and closes its open attempts; they do not count. The caller holds the worker's
-- advisory lock, so nobody else is that worker. Reads the whole queue, which is why it runs only after a death.
--
-- $1 worker number  $2 webhook ids to leave as they are: in flight in the process that takes the number over
--
-- A webhook that was there for several deaths in a row waits, longer each time: it may be their cause. In an ordered lane,
-- where it would be overtaken, the lane waits for it.
--
-- Waits for no row that somebody else has locked, as by changing an endpoint without a commit. What cannot be freed without such
-- a row stays leased, and the worker's number stays known: the next rescue, two seconds later, tries again.
with leased as materialized (
  select webhook_id, lane, uncounted
  from posthorn.queue
  where leased_by = $1::integer
    and webhook_id <> all ($2::uuid[])
  for update skip locked
),
ruled as materialized (
  select lane
  from posthorn.lane_rules
  where is_ordered
    and lane = any (array(select lane from leased where uncounted >= 2))
),
ordered as materialized (
  select lane
  from posthorn.lane_rules
  where is_ordered
    and lane = any (array(select lane from ruled))
  for update skip locked
),
probing as materialized (
  select lane, probe_webhook
  from posthorn.breakers
  where lane = any (array(select lane from leased))
    and probe_webhook = any (array(select webhook_id from leased))
),
probed as materialized (
  select lane
  from posthorn.breakers
  where lane = any (array(select lane from probing))
  for update skip locked
),
released as (
  update posthorn.queue
  set
    lease_until = null,
    leased_by = null,
    uncounted = least(uncounted + 1, 32000),
    due_at = case
      when uncounted < 2 or lane = any (array(select lane from ordered)) then due_at
      else clock_timestamp() + least(power(2, least(uncounted, 9)), 300) * interval '1 second'
    end
  where webhook_id = any (array(
      select l.webhook_id
      from leased as l
      where not (
          l.uncounted >= 2
          and l.lane = any (array(select lane from ruled))
          and l.lane <> all (array(select lane from ordered))
        )
        and l.webhook_id <> all (array(
          select p.probe_webhook
          from probing as p
          where p.lane <> all (array(select lane from probed))))))
  -- Uncounted is 1 more here than before.
  returning webhook_id, lane, uncounted
),
held as (
  update posthorn.lane_rules as r
  set retry_at = greatest(
    r.retry_at,
    clock_timestamp() + (
      select max(least(power(2, least(s.uncounted - 1, 9)), 300)) * interval '1 second'
      from released as s
      where s.lane = r.lane and s.uncounted > 2))
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
-- A webhook has one lease, so that a probe of one that was leased is that lease.
unprobed as (
  update posthorn.breakers
  set probe_until = null, probe_webhook = null, probe_attempt = null
  where lane = any (array(select lane from probed))
    and probe_webhook = any (array(select webhook_id from released))
)
select count(*)::integer as released from released
