-- Puts the next webhooks of a running replay back into the queue and saves how far the replay has come. Both happen in one
-- transaction, so that each webhook is put back once, whatever crashes. The caller has locked the row of the replay.
--
-- psql "$DATABASE_URL" -c begin -f sql/put-back.sql -c rollback \
--   -v replay_id=0199c0de-0000-7000-8000-000000000001 -v max_webhooks=1000 -v max_rows=20000
--
-- max_webhooks: how many are put back at most. max_rows: how many rows may be read to find them.
--
-- Returns the status of the replay now, and how many were put back. With a rate limit they become due one after the other.
with replay as materialized (
  select *, greatest(now(), paced_until) as due_from
  from posthorn.replays
  where id = :'replay_id'::uuid
),
page as materialized (
  select m.*
  from replay as r
  cross join lateral posthorn.matching(
    statuses => r.statuses,
    endpoint_id => r.endpoint_id,
    urls => case when r.url is not null then array_remove(array[r.url, r.normalised_url], null) end,
    ids => r.ids,
    after => greatest(r.walked_to, posthorn.uuid_floor(coalesce(r.from_at, 'epoch'))),
    before => coalesce(posthorn.uuid_floor(r.until_at), 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
    ended_before => r.created_at,
    walk => :'max_rows'::integer,
    most => :'max_webhooks'::integer,
    event_id => r.event_id,
    event_type => r.event_type,
    tenant => r.tenant) as m
),
become as materialized (
  select p.became
  from replay as r
  cross join page
  cross join lateral posthorn.put_back(
    webhook_ids => page.webhook_ids,
    statuses => r.statuses,
    ended_before => r.created_at,
    replay_id => r.id,
    priority => r.priority,
    due_from => r.due_from,
    spacing => coalesce(interval '1 second' / r.rate_limit_per_s, '0')) as p
),
counted as (
  select count(*) filter (where became in ('queued', 'brought_forward')) as replayed from become
),
skipped as (
  select coalesce(jsonb_object_agg(reason, webhooks), '{}') as reasons
  from (
    select reason, sum(webhooks) as webhooks
    from (
      select
        case
          when became in ('endpoint_deleted', 'payload_gone', 'already_due', 'worn_out') then became
          else 'changed'
        end as reason,
        1 as webhooks
      from become
      where became not in ('queued', 'brought_forward')
      union all
      select before.key, before.value::bigint
      from replay as r
      cross join lateral jsonb_each_text(r.skipped) as before
    ) as each
    group by reason
  ) as sums
)
update posthorn.replays as r
set
  replayed = r.replayed + c.replayed,
  skipped = s.reasons,
  walked_to = coalesce(page.walked_to, r.walked_to),
  is_walked = page.walked_to is null,
  status = case when page.walked_to is null then 'finished' else r.status end,
  finished_at = case when page.walked_to is null then clock_timestamp() end,
  moved_at = clock_timestamp(),
  paced_until = replay.due_from + c.replayed * (interval '1 second' / r.rate_limit_per_s)
from replay
cross join page
cross join counted as c
cross join skipped as s
where r.id = replay.id
returning r.status, c.replayed::integer as webhooks
