-- Holds ordered lanes until the webhook at their head is tried again; it keeps its place. Run before the results are
-- recorded: in between, the head is still leased.
--
-- $1 lanes  $2 webhook ids  $3 attempt numbers  $4 worker numbers  $5 seconds until the retry
with retries as materialized (
  select *
  from unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::integer[], $5::float8[])
    as n (lane, webhook_id, number, leased_by, retry_in_s)
)
update posthorn.lane_rules as r
set retry_at = clock_timestamp() + n.retry_in_s * interval '1 second'
from retries as n
where r.lane = any ($1::bigint[])
  and r.lane = n.lane
  and r.is_ordered
  -- The fence of record.sql: a late result of somebody who lost the lease holds nothing up.
  and exists (
    select
    from posthorn.queue as q
    where q.webhook_id = n.webhook_id and q.attempts = n.number and q.leased_by = n.leased_by
  )
