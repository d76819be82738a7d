-- Gives back webhooks that were claimed and not sent: the attempt never happened. A probe among them is free again at once.
--
-- $1 webhook ids  $2 attempt numbers  $3 worker number
--
-- A late 2xx of an earlier attempt may have ended a webhook in between. Its outcome has counted this attempt, which is closed.
-- What belongs to a row is fetched by its place in $1, as in record.sql.
with returned as (
  update posthorn.queue as q
  set attempts = q.attempts - 1, lease_until = null, leased_by = null
  where q.webhook_id = any ($1::uuid[])
    and q.attempts = ($2::smallint[])[array_position($1::uuid[], q.webhook_id)]
    and q.leased_by = $3::integer
  returning q.webhook_id, q.lane
),
forgotten as (
  delete from posthorn.attempts as a
  where a.webhook_id = any (array(select webhook_id from returned))
    and a.number = ($2::smallint[])[array_position($1::uuid[], a.webhook_id)]
),
closed as (
  update posthorn.attempts as a
  set finished_at = clock_timestamp(), error = 'abandoned', error_message = 'The webhook ended before it was sent'
  where a.webhook_id = any (array(select id from unnest($1::uuid[]) as id except select webhook_id from returned))
    and a.number = ($2::smallint[])[array_position($1::uuid[], a.webhook_id)]
    and a.finished_at is null
),
-- One that somebody has locked stays leased until that lease runs out: nobody waits for it here.
probed as materialized (
  select lane
  from posthorn.breakers
  where lane = any (array(select lane from returned))
    and probe_webhook is not null
  for update skip locked
)
update posthorn.breakers as b
set probe_until = null, probe_webhook = null, probe_attempt = null
where b.lane = any (array(select lane from probed))
  and b.probe_webhook = any (array(select webhook_id from returned))
  and b.probe_attempt = ($2::smallint[])[array_position($1::uuid[], b.probe_webhook)]
