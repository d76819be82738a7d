-- Gives back webhooks that were claimed and not sent: the attempt never happened. A probe among them is free again at once.
--
-- $1 webhook ids  $2 attempt numbers  $3 worker number
--
-- A late 2xx of an earlier attempt may have ended a webhook in between. Its outcome has counted this attempt, which is closed.
with unsent as materialized (
  select * from unnest($1::uuid[], $2::smallint[]) as r (webhook_id, number)
),
returned as (
  update posthorn.queue as q
  set attempts = q.attempts - 1, lease_until = null, leased_by = null
  from unsent as r
  where q.webhook_id = r.webhook_id
    and q.attempts = r.number
    and q.leased_by = $3::integer
  returning q.webhook_id, q.lane, r.number
),
forgotten as (
  delete from posthorn.attempts as a
  using returned as r
  where a.webhook_id = r.webhook_id
    and a.number = r.number
),
closed as (
  update posthorn.attempts as a
  set finished_at = clock_timestamp(), error = 'abandoned', error_message = 'The webhook ended before it was sent'
  from unsent as u
  where a.webhook_id = u.webhook_id
    and a.number = u.number
    and a.finished_at is null
    and not exists (select from returned as r where r.webhook_id = u.webhook_id)
),
-- In the order of the lanes, as in every statement that locks several of them.
probed as materialized (
  select b.lane
  from posthorn.breakers as b
  where b.lane = any (array(select lane from returned))
  order by b.lane
  for update
)
update posthorn.breakers as b
set probe_until = null, probe_webhook = null, probe_attempt = null
from returned as r
where b.lane = any (array(select lane from probed))
  and b.probe_webhook = r.webhook_id
  and b.probe_attempt = r.number
