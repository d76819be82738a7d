-- Takes back webhooks that a replay has put back or made due, if they have not been tried since: each returns to its
-- former state. It checks a number of webhooks after a given one; "walked_to" is where to continue, null at the end.
create or replace function posthorn.take_back(
  replay_id uuid,
  after uuid,
  most integer,
  out taken_back integer,
  out walked_to uuid
)
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  set jit = off
  as $$
#variable_conflict use_column
declare
  looked_at uuid[];
  postponed integer;
  held bigint[];
begin
  perform pg_advisory_xact_lock_shared(1886352244, -4);
  looked_at := array(
    select webhook_id
    from (
      (
        select f.webhook_id
        from posthorn.former_outcomes as f
        where f.replay_id = take_back.replay_id
          and f.webhook_id > take_back.after
        order by f.webhook_id
        limit most
      )
      union all
      (
        select b.webhook_id
        from posthorn.brought_forward as b
        where b.replay_id = take_back.replay_id
          and b.webhook_id > take_back.after
        order by b.webhook_id
        limit most
      )
    ) as either
    order by webhook_id
    limit most);
  -- Locked in the same order as in put_back() and cancel_many().
  perform
  from unnest(looked_at) as wanted (id)
  cross join lateral (select from posthorn.queue where webhook_id = wanted.id offset 0 for update) as q;

  with untried as materialized (
    select f.*
    from unnest(looked_at) as wanted (id)
    cross join lateral (
      select
      from posthorn.queue
      where webhook_id = wanted.id
        and attempts = past_attempts
        and (lease_until is null or lease_until < now())
      offset 0
    ) as q
    -- Another session may have put it back again since.
    cross join lateral (
      select *
      from posthorn.former_outcomes
      where webhook_id = wanted.id
      order by replayed_at desc
      limit 1
    ) as f
    where f.replay_id = take_back.replay_id
  ),
  unqueued as (
    delete from posthorn.queue
    where webhook_id = any (array(select webhook_id from untried))
  ),
  forgotten as (
    delete from posthorn.former_outcomes as f
    where f.webhook_id = any (array(select webhook_id from untried))
      and f.replay_id = take_back.replay_id
  ),
  restored as (
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, finished_at, status, attempts, last_status_code, reason)
    select webhook_id, outbox_id, lane, finished_at, status, attempts, last_status_code, reason
    from untried
    returning 1
  )
  select count(*) into taken_back from restored;

  with unchanged as materialized (
    select b.*, q.lane
    from unnest(looked_at) as wanted (id)
    cross join lateral (
      select *
      from posthorn.brought_forward
      where replay_id = take_back.replay_id
        and webhook_id = wanted.id
      offset 0
    ) as b
    cross join lateral (
      select lane
      from posthorn.queue
      where webhook_id = wanted.id
        and attempts = b.attempts
        and due_at = b.brought_to
        and (lease_until is null or lease_until < now())
      offset 0
    ) as q
  ),
  listed as materialized (
    select
      array_agg(webhook_id order by webhook_id) as webhook_ids,
      array_agg(coalesce(due_at, brought_to) order by webhook_id) as times
    from unchanged
  ),
  lanes as materialized (
    select
      array_agg(lane order by lane) as lanes,
      array_agg(retry_at order by lane) as times,
      array_agg(webhook_id order by lane) as webhook_ids
    from (
      select lane, max(retry_at) as retry_at, (array_agg(webhook_id order by retry_at desc))[1] as webhook_id
      from unchanged
      where retry_at > now()
      group by lane
    ) as each
  ),
  delayed as (
    update posthorn.queue as q
    set due_at = (select times from listed)[width_bucket(q.webhook_id, (select webhook_ids from listed))]
    where q.webhook_id = any ((select webhook_ids from listed)::uuid[])
    returning 1
  ),
  waiting as (
    update posthorn.lane_rules as r
    set
      retry_at = (select times from lanes)[width_bucket(r.lane, (select lanes from lanes))],
      retry_of = (select webhook_ids from lanes)[width_bucket(r.lane, (select lanes from lanes))]
    where r.lane = any ((select lanes from lanes)::bigint[])
      and r.is_ordered
      and r.retry_at is null
    returning r.lane
  ),
  forgotten as (
    delete from posthorn.brought_forward as b
    where b.replay_id = take_back.replay_id
      and b.webhook_id = any ((select webhook_ids from listed)::uuid[])
  )
  select (select count(*) from delayed), (select array_agg(lane) from waiting)
  into postponed, held;
  perform pg_notify('posthorn_wake', 'rules:' || lane) from unnest(held) as lane;

  taken_back := taken_back + postponed;
  walked_to := case when cardinality(looked_at) = most then looked_at[most] end;
end
$$;

comment on function posthorn.take_back(uuid, uuid, integer) is 'Takes back what a replay has resent and what has not been sent since. For replays.';

revoke execute on function posthorn.take_back(uuid, uuid, integer) from public;
