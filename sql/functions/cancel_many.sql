-- Cancels webhooks that wait for their first or next attempt; returns how many. An ordered endpoint no longer waits for
-- the retry of a cancelled webhook.
--
-- A separate statement locks the rows. The next statement then reads what was committed before that: a session that had
-- locked one of them may have made its ordered lane wait for it, as take_back() does.
create or replace function posthorn.cancel_many(webhook_ids uuid[]) returns bigint
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  as $$
#variable_conflict use_column
declare
  locked constant uuid[] := array(
    select q.webhook_id
    from (select distinct id from unnest(cancel_many.webhook_ids) as id order by id) as wanted
    cross join lateral (
      select webhook_id
      from posthorn.queue
      where webhook_id = wanted.id
        and (lease_until is null or lease_until < now())
      offset 0
      for update
    ) as q);
  cancelled bigint;
begin
  with waiting as materialized (
    select q.*
    from unnest(locked) as wanted (id)
    cross join lateral (
      select webhook_id, outbox_id, lane, attempts, past_attempts
      from posthorn.queue
      where webhook_id = wanted.id
      offset 0
    ) as q
  ), ended as (
    delete from posthorn.queue
    where webhook_id = any (array(select webhook_id from waiting))
  ), recorded as (
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason)
    select w.webhook_id, w.outbox_id, w.lane, 'cancelled', w.attempts, 'cancelled'
    from waiting as w
    returning 1
  ), closed as (
    -- The attempt of an expired lease. Nothing else closes it if its worker dies; if the worker lives, its result
    -- replaces this one.
    update posthorn.attempts as a
    set
      finished_at = clock_timestamp(),
      error = 'abandoned',
      error_message = 'The webhook was cancelled after the lease had run out'
    where a.webhook_id = any (array(select webhook_id from waiting where attempts > 0))
      and a.finished_at is null
  ), heads as materialized (
    select w.webhook_id, r.lane
    from waiting as w
    cross join lateral (
      select lane from posthorn.lane_rules where lane = w.lane and retry_of = w.webhook_id offset 0
    ) as r
  ), listed_heads as materialized (
    select array_agg(webhook_id order by webhook_id) as webhook_ids from heads
  ), freed as (
    update posthorn.lane_rules as r
    set retry_at = null, retry_of = null
    where r.lane = any (array(select rule.lane from heads as rule))
      -- Checks, by binary search, that it is still the same webhook now that the lock is held.
      and r.retry_of = (select webhook_ids from listed_heads)[width_bucket(r.retry_of, (select webhook_ids from listed_heads))]
    returning r.lane
  )
  select count(*)
  into cancelled
  from recorded
  where coalesce((select bool_and(pg_notify('posthorn_wake', 'rules:' || lane) is not null) from freed), true);
  return cancelled;
end
$$;

revoke execute on function posthorn.cancel_many(uuid[]) from public;

comment on function posthorn.cancel_many is 'Cancels webhooks that wait for their first or next attempt; returns how many.';
