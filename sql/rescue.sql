-- Frees what a dead worker had leased and closes its open attempts; they do not count. The caller holds the worker's
-- advisory lock, so nobody else is that worker. Reads the whole queue, which is why it runs only after a death.
--
-- $1 worker number  $2 webhook ids to leave as they are: in flight in the process that takes the number over
--
-- A webhook that was there for several deaths in a row waits, longer each time: it may be their cause. Not in an
-- ordered lane, where it would be overtaken.
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
  returning webhook_id
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
)
select count(*)::integer as released from released
