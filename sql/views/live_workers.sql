-- The workers that are alive now: those whose advisory lock is held.
create or replace view posthorn.live_workers as
select w.number, w.host, w.pid, w.version, w.started_at, w.seen_at, l.pid as backend_pid
from posthorn.workers as w
join pg_locks as l
  on l.locktype = 'advisory'
  and l.classid = 1886352244
  and l.objid = w.number::oid
  and l.objsubid = 2
  and l.granted
  and l.database = (select oid from pg_database where datname = current_database());

comment on view posthorn.live_workers is 'The workers that are alive now.';
comment on column posthorn.live_workers.number is 'The number of the worker.';
comment on column posthorn.live_workers.host is 'The name of its machine.';
comment on column posthorn.live_workers.pid is 'The id of its process.';
comment on column posthorn.live_workers.version is 'Its version of Posthorn.';
comment on column posthorn.live_workers.started_at is 'When it started.';
comment on column posthorn.live_workers.seen_at is 'When it last reported.';
comment on column posthorn.live_workers.backend_pid is 'The Postgres process of its session.';
