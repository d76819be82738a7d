-- Closes the attempts that are open though their webhook has ended: a late 2xx of an earlier attempt ended it while another worker
-- was sending it, or was about to, and nobody looks after that attempt when the other worker dies. If it lives, its result takes
-- the place of this one. The same when somebody has put the webhook back since: attempts from before that are nobody's.
-- A statement of its own, so that it sees an attempt that was begun while the record waited for the queue's row.
--
-- $1 webhook ids
update posthorn.attempts as a
set
  finished_at = clock_timestamp(),
  error = 'abandoned',
  error_message = 'Another attempt delivered the webhook before this one ended'
where a.webhook_id = any ($1::uuid[])
  and a.finished_at is null
  and not exists (select from posthorn.queue as q where q.webhook_id = a.webhook_id and q.past_attempts < a.number)
