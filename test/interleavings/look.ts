// What a stage looks like after an order, in one query: all that there is, without ids and times, and what must never be.

/** A time as far away as it matters: over, or in so many half hours. */
const when = (time: string) =>
  `case when ${time} is null then null when ${time} <= clock_timestamp() then 'over'
     else 'in ' || round(extract(epoch from ${time} - clock_timestamp()) / 1800) end`;
const named = (id: string) => `(select name from names where id = ${id})`;

const pictureSql = `
select (
    select json_object_agg(n.name, concat_ws(' | ',
      (
        select format('waits: due %s, attempts %s after %s, %s uncounted, priority %s', ${when('q.due_at')}, q.attempts,
          q.past_attempts, q.uncounted, q.priority) || coalesce(', leased by ' || q.leased_by || ', lease ' || ${when('q.lease_until')}, '')
        from queue as q where q.webhook_id = n.id
      ),
      (
        select format('%s after %s: %s %s', e.status, e.attempts, e.last_status_code, e.reason)
        from outcomes as e where e.webhook_id = n.id
      ),
      (
        select 'tried ' || string_agg(format('%s by %s: %s', a.number, a.worker,
          case when a.finished_at is null then 'open' else coalesce(a.error, a.status_code::text, 'other') end), ', ' order by a.number)
        from attempts as a where a.webhook_id = n.id
      ),
      (
        select string_agg(format('was %s after %s, %s', f.status, f.attempts, coalesce(${named('f.replay_id')}, 'alone')), ', '
          order by f.replayed_at)
        from former_outcomes as f where f.webhook_id = n.id
      ),
      (
        select string_agg(format('brought forward by %s from %s or %s', ${named('b.replay_id')}, ${when('b.due_at')},
          ${when('b.retry_at')}), ', ' order by ${named('b.replay_id')})
        from brought_forward as b where b.webhook_id = n.id
      )))
    from names as n
    where n.name not in ('endpoint', 'running', 'cancelling')
  )::jsonb || json_build_object(
  'others', (select count(*)::text from outbox as o where not exists (select from names as n where n.id = o.id)),
  'endpoint', (
    select format('%s %s, %s to %s, ordered %s, limit %s, gone %s, secret %s, former %s', e.status, e.status_reason, e.description,
      e.url, e.ordered, e.max_in_flight, e.gone_answers, coalesce(left(e.secret, 7), 'none'), jsonb_array_length(e.former_secrets))
    from endpoints as e
  ),
  'rule', (
    select format('held %s, ordered %s, limit %s, owner %s, retry %s of %s', r.is_held, r.is_ordered, r.max_in_flight, r.owner,
      ${when('r.retry_at')}, ${named('r.retry_of')})
    from lane_rules as r
  ),
  'breaker', (
    select format('%s after %s, trips %s, open %s, throttled %s, probe %s of %s, %s', b.state, b.consecutive, b.trips, ${when('b.open_until')},
      ${when('b.throttled_until')}, b.probe_attempt, ${named('b.probe_webhook')}, b.last_error)
    from breakers as b
  ),
  'replays', (select string_agg(r.status::text, ', ' order by r.id) from replays as r)
)::jsonb as picture`;

const wrongsSql = `
select 'lost: ' || n.name as wrong
from outbox as o
join names as n on n.id = o.id
where (select count(*) from queue where webhook_id = o.id) + (select count(*) from outcomes where webhook_id = o.id) <> 1
union all
select 'attempts are not numbered from 1 on without a gap, or not counted: ' || n.name
from names as n
cross join lateral (
  select attempts from queue where webhook_id = n.id union all select attempts from outcomes where webhook_id = n.id
) as counted
where (select coalesce(array_agg(number::integer order by number), '{}') from attempts where webhook_id = n.id)
  <> array(select generate_series(1, counted.attempts))
union all
select 'an attempt is open that nobody makes: ' || n.name
from names as n
join attempts as a on a.webhook_id = n.id
left join queue as q on q.webhook_id = n.id
where a.finished_at is null
  and (q.leased_by is null or q.attempts < a.number)
union all
select 'half a lease: ' || n.name
from names as n
join queue as q on q.webhook_id = n.id
where (q.leased_by is null) <> (q.lease_until is null)
union all
select 'a lease without an open attempt: ' || n.name
from names as n
join queue as q on q.webhook_id = n.id
where q.leased_by is not null
  and not exists (
    select from attempts as a
    where a.webhook_id = n.id and a.number = q.attempts and a.worker = q.leased_by and a.finished_at is null)
union all
select 'the outcome does not agree with the attempts: ' || n.name
from names as n
join outcomes as e on e.webhook_id = n.id
where (e.status = 'delivered') <> exists (
    select from attempts as a
    where a.webhook_id = n.id
      and a.status_code = 200
      -- Not one from before it was put back after a delivery.
      and a.number > coalesce(
        (select max(f.attempts) from former_outcomes as f where f.webhook_id = n.id and f.status = 'delivered'), 0))
union all
select 'delivered, and waits to be sent again: ' || n.name
from names as n
join queue as q on q.webhook_id = n.id
join attempts as a on a.webhook_id = n.id and a.status_code = 200
where a.number > q.past_attempts
union all
select 'an ordered lane has more than one webhook in flight'
from queue as q
join lane_rules as r on r.lane = q.lane and r.is_ordered
where q.lease_until > now()
group by q.lane
having count(*) > 1
union all
select 'a lane waits for the retry of a webhook that has ended'
from lane_rules as r
where r.retry_at > now()
  and r.retry_of is not null
  and not exists (select from queue as q where q.webhook_id = r.retry_of)
union all
select 'the rule of the lane is not what the endpoint says'
from posthorn.misruled_lanes
union all
select 'a breaker waits for a probe that nobody sends'
from breakers as b
where b.probe_until > now()
  and not exists (select from queue as q where q.webhook_id = b.probe_webhook and q.leased_by is not null)
union all
select 'more was put back than is remembered'
from replays as r
join names as n on n.id = r.id
where n.name = 'running'
  and r.taken_back = 0
  and r.replayed <> (select count(*) from former_outcomes where replay_id = r.id)
    + (select count(*) from brought_forward where replay_id = r.id)`;

/** Each table is read once: to open its partitions again for each question takes most of the time. */
const readSql = [
  ...['outbox', 'queue', 'outcomes', 'attempts', 'former_outcomes', 'brought_forward'],
  ...['lane_rules', 'breakers', 'endpoints', 'replays'],
].map((table) => `${table} as materialized (select * from posthorn.${table})`);

/** The picture of a stage, and what is wrong with it. */
export const lookSql = `
with names as materialized (select * from public.names), ${readSql.join(', ')}
select (${pictureSql}) as picture, array(${wrongsSql}) as wrongs`;
