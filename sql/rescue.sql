-- Frees what a dead worker had leased, including its probes, and closes its open attempts, which do not count. The caller holds the
-- advisory lock of the worker's number, so no process is that worker now. Reads the whole queue, so it runs only after a death.
--
-- psql "$DATABASE_URL" -c begin -f sql/rescue.sql -c rollback \
--   -v worker_number=1 -v kept_ids='{}'
--
-- kept_ids: webhooks to leave alone, because the process that takes over the number is sending or recording them.
--
-- A webhook that was in flight during several deaths in a row waits, longer each time, because it may have caused them. In an ordered
-- lane the whole lane waits, so that the webhook is not overtaken.
--
-- Does not wait for rows that another session has locked, for example by changing an endpoint without a commit. What cannot be freed
-- without such a row stays leased, and the worker's number stays known: the next rescue, two seconds later, tries again.
with leased as materialized (
  select webhook_id, lane, origin, uncounted
  from posthorn.queue
  where leased_by = :'worker_number'::integer
    and webhook_id <> all (:'kept_ids'::uuid[])
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
  select key, probe_webhook
  from posthorn.breakers
  where key = any (array(
      select lane from leased
      union
      select coalesce(l.origin, (select e.origin from posthorn.endpoints as e where e.lane = l.lane limit 1)) from leased as l))
    and probe_webhook = any (array(select webhook_id from leased))
),
probed as materialized (
  select key
  from posthorn.breakers
  where key = any (array(select key from probing))
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
          where p.key <> all (array(select key from probed))))))
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
    error_message = format('Worker %s ended before the attempt did', :'worker_number'::integer)
  -- Earlier ones are open when a lease had run out before.
  where a.webhook_id = any (array(select webhook_id from released))
    and a.finished_at is null
),
-- A webhook has one lease, so that a probe of one that was leased is that lease.
unprobed as (
  update posthorn.breakers
  set probe_until = null, probe_webhook = null, probe_attempt = null
  where key = any (array(select key from probed))
    and probe_webhook = any (array(select webhook_id from released))
)
select count(*)::integer as released from released
