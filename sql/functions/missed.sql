-- Finds webhooks in the outbox that neither wait nor have ended, because the trigger did not fire when they were
-- inserted: it does not fire in a session whose session_replication_role is replica, while triggers are disabled
-- (pg_restore --disable-triggers does that), and for rows that an owner inserts into a partition directly. Checks a
-- number of webhooks below an id, newest first; "walked_to" is where to continue, null at the end.
create or replace function posthorn.missed(
  before uuid,
  walk integer,
  out webhook_ids uuid[],
  out walked integer,
  out walked_to uuid
)
  language sql stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  set jit = off
  as $$
    with walked as materialized (
      select id, event_type
      from posthorn.redacted_outbox
      where id < missed.before
      order by id desc
      limit missed.walk
    ),
    missed as materialized (
      select w.id
      from walked as w
      where case
        when w.event_type is null then
          not exists (select from posthorn.queue as q where q.webhook_id = w.id)
            and not exists (select from posthorn.outcomes as e where e.webhook_id = w.id)
        else
          not exists (select from posthorn.unmatched_events as u where u.event_id = w.id)
            and not exists (select from posthorn.fan_outs as f where f.event_id = w.id)
            and not exists (
              select
              from posthorn.queue as q
              where q.webhook_id between posthorn.first_webhook_id(w.id) and posthorn.last_webhook_id(w.id)
                and q.outbox_id = w.id
            )
            and not exists (
              select
              from posthorn.outcomes as e
              where e.webhook_id between posthorn.first_webhook_id(w.id) and posthorn.last_webhook_id(w.id)
                and e.outbox_id = w.id
            )
        end
    )
    select
      array(select id from missed order by id),
      (select count(*)::integer from walked),
      case when (select count(*) from walked) = missed.walk then (select id from walked order by id limit 1) end
  $$;

comment on function posthorn.missed(uuid, integer) is 'Finds webhooks and events that were not enqueued, because a trigger did not fire.';

revoke execute on function posthorn.missed(uuid, integer) from public;
