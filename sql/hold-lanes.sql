-- Holds ordered lanes until the webhook at their head is tried again; it keeps its place. Run before the results are
-- recorded: in between, the head is still leased.
--
-- $1 lanes  $2 webhook ids  $3 attempt numbers  $4 worker numbers  $5 seconds until the retry
with retries as materialized (
  select n.lane, max(n.retry_in_s) as retry_in_s
  from unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::integer[], $5::float8[])
    as n (lane, webhook_id, number, leased_by, retry_in_s)
  -- The fence of record.sql: a late result of somebody who lost the lease holds nothing up.
  cross join lateral (
    select
    from posthorn.queue as q
    where q.webhook_id = n.webhook_id and q.attempts = n.number and q.leased_by = n.leased_by
    offset 0
  ) as fence
  group by n.lane
),
listed as materialized (
  select array_agg(lane order by lane) as lanes, array_agg(retry_in_s order by lane) as seconds
  from retries
)
update posthorn.lane_rules as r
-- The place of a lane in the array, by binary search.
set retry_at = clock_timestamp()
  + (select seconds from listed)[width_bucket(r.lane, (select lanes from listed))] * interval '1 second'
where r.lane = any ((select lanes from listed)::bigint[])
  and r.is_ordered
