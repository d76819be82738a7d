-- What people read in psql. No body, no secret, no header.

-- A row per webhook. Columns that need a look at the attempts are subqueries, so that they cost nothing unless asked for.
create view posthorn.webhooks as
select
  o.id,
  o.url,
  case
    when e.webhook_id is not null then e.status
    when q.lease_until > now() then 'delivering'
    else 'pending'
  end as status,
  coalesce(e.attempts, q.attempts, 0::smallint) as attempts,
  o.created_at,
  case when q.lease_until > now() then null else q.due_at end as next_attempt_at,
  e.finished_at,
  coalesce(
    e.last_status_code,
    (select a.status_code from posthorn.attempts as a where a.webhook_id = o.id order by a.number desc limit 1)
  ) as last_status_code,
  (select a.error from posthorn.attempts as a where a.webhook_id = o.id order by a.number desc limit 1) as last_error,
  e.reason,
  o.priority,
  o.send_at,
  o.max_attempts,
  o.idempotency_key,
  o.content_type,
  octet_length(o.body) as body_bytes,
  coalesce(e.lane, q.lane) as lane
from posthorn.outbox as o
left join posthorn.queue as q on q.webhook_id = o.id
left join posthorn.outcomes as e on e.webhook_id = o.id;

-- The workers whose lock is held, so who is alive now.
create view posthorn.live_workers as
select w.number, w.host, w.pid, w.version, w.started_at, w.seen_at, l.pid as backend_pid
from posthorn.workers as w
join pg_locks as l
  on l.locktype = 'advisory'
  and l.classid = 1886352244
  and l.objid = w.number::oid
  and l.objsubid = 2
  and l.granted
  and l.database = (select oid from pg_database where datname = current_database());

comment on view posthorn.webhooks is 'Every webhook with its state: pending, delivering, delivered, failed or cancelled.';
comment on view posthorn.live_workers is 'The workers that are alive now.';
