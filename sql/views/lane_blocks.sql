-- Why a lane is not sent to: the one definition of it, a row for each reason there is now. A lane may be sent to if neither it nor
-- its origin has a row.
--
-- key       of a lane, or of an origin, whose reason is that of all its lanes
-- claim.sql, probe.sql and scan-lanes.sql say the same in their own words, because they are planned around it;
-- test/sql/lane-blocks.test.ts compares them with this. Everything else reads it here, so that a new reason is added once.
--
-- reason    in the words of webhooks.waits_for
-- until     not before this time; null: not until somebody acts. For a breaker it is when the next probe may be sent
-- is_held   paused or disabled, or ordered and catching up
-- is_brief  a receiver that asks for a few seconds again and again is slow and not away: what waits for it counts as due, and
--           not as due in one count and held in the next
--
-- Read it by key in a subquery or a lateral one, "where key in (lane, origin)", and the planner looks primary keys up. As a
-- plain join it reads all lanes that have a rule or fail.
create or replace view posthorn.lane_blocks as
select
  r.lane as key,
  case
    when e.status = 'disabled' then 'endpoint_disabled'
    when e.status = 'active' and e.catching_up then 'catching_up'
    else 'endpoint_paused'
  end as reason,
  null::timestamptz as until,
  true as is_held,
  false as is_brief
from posthorn.lane_rules as r
left join posthorn.endpoints as e on e.lane = r.lane
where r.is_held
union all
select lane, 'retry_of_the_first', retry_at, false, false
from posthorn.lane_rules
where retry_at > now()
union all
select key, case when key = origin then 'origin_breaker' else 'breaker' end, open_until, false, false
from posthorn.breakers
where state = 'open'
union all
select key, 'throttled', throttled_until, false, coalesce(throttled_until - last_failure_at <= interval '1 minute', false)
from posthorn.breakers
where throttled_until > now();

comment on view posthorn.lane_blocks is 'Why lanes are not sent to now, a row for each reason of a lane or of an origin. Those without a row may be sent to.';
comment on column posthorn.lane_blocks.key is 'The key of the lane or of the origin.';
comment on column posthorn.lane_blocks.reason is 'Why nothing is sent: endpoint_paused, endpoint_disabled, catching_up, retry_of_the_first, breaker, origin_breaker or throttled.';
comment on column posthorn.lane_blocks.until is 'Until when. Null: until somebody acts, or it has caught up.';
comment on column posthorn.lane_blocks.is_held is 'Whether somebody must act, or a catch-up must end.';
comment on column posthorn.lane_blocks.is_brief is 'Whether the receiver asked for a pause of at most a minute.';
