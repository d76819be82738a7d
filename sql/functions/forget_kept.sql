-- Deletes webhooks of dropped days that were unfinished then and have since ended, longer ago than the retention: they
-- are in the default partitions, so no dropped day removes them. Deletes at most "most"; returns how many.
create or replace function posthorn.forget_kept(retention interval, most integer) returns integer
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  as $$
    with over as materialized (
      select e.webhook_id
      from posthorn.outcomes_default as e
      where e.webhook_id < (select posthorn.history_floor())
        and e.finished_at < now() - forget_kept.retention
      order by e.webhook_id
      limit forget_kept.most
      for update skip locked
    ),
    ended as (
      delete from posthorn.outcomes_default
      where webhook_id = any (array(select webhook_id from over))
      returning outbox_id, webhook_id
    ),
    tried as (
      delete from posthorn.attempts_default
      where webhook_id = any (array(select webhook_id from ended))
    ),
    said as (
      delete from posthorn.outbox_default
      where id = any (array(select outbox_id from ended))
        -- An event stays for its other webhooks.
        and not exists (
          select
          from posthorn.queue as q
          where q.webhook_id between posthorn.first_webhook_id(id) and posthorn.last_webhook_id(id)
            and q.outbox_id = id
        )
        and not exists (
          select
          from posthorn.outcomes_default as e
          where e.webhook_id between posthorn.first_webhook_id(id) and posthorn.last_webhook_id(id)
            and e.outbox_id = id
            and e.webhook_id <> all (array(select webhook_id from ended))
        )
    )
    select count(*)::integer from ended
  $$;

comment on function posthorn.forget_kept(interval, integer) is 'Deletes webhooks of dropped days that have ended since, longer ago than the retention. Returns how many.';

revoke execute on function posthorn.forget_kept(interval, integer) from public;
