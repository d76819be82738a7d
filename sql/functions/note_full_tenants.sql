-- Counts the unfinished webhooks of the tenants that have a max_waiting, and notes which of them are full: from max_waiting
-- on, until they have less than 90 % of it. Returns how many are full.
--
-- It reads as much of the queue as take_stats(): all of a queue of up to about 180,000 webhooks, and of a larger one a random
-- sample of its pages. Of a larger queue the count of a tenant is as exact as the sample has rows of it: 3 % with a thousand,
-- 30 % with ten. It does not wait for a tenant that another session has locked.
create or replace function posthorn.note_full_tenants() returns integer
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = on
  set enable_hashjoin = on
  set enable_hashagg = on
  set jit = off
  set max_parallel_workers_per_gather = 0
  as $$
declare
  most_pages constant integer := 4096;
  pages bigint := pg_relation_size('posthorn.queue') / current_setting('block_size')::integer;
  share float8 := least(1, most_pages::float8 / greatest(pages, 1));
begin
  -- An index without entries says so, however many tenants have settings.
  perform from posthorn.tenants where max_waiting is not null limit 1;
  if not found then
    return 0;
  end if;
  with limited as materialized (
    select id, key, max_waiting
    from posthorn.tenants
    where max_waiting is not null
  ),
  -- The webhooks to an endpoint do not name its tenant, because that can be renamed.
  queued as (
    select tenant_key, case when origin is null then lane end as lane, count(*) as webhooks
    from posthorn.queue tablesample system (100 * share)
    group by 1, 2
  ),
  counted as materialized (
    select l.id, round(sum(q.webhooks) / share) as webhooks
    from (
      select tenant_key as key, webhooks from queued where tenant_key is not null
      union all
      select o.key, q.webhooks
      from queued as q
      join (
        select l.key, e.lane
        from limited as l
        join posthorn.endpoints as e on e.tenant = l.id
      ) as o on o.lane = q.lane
    ) as q
    join limited as l on l.key = q.key
    group by l.id
  ),
  changed as materialized (
    select t.id, t.full_since is null as is_full
    from posthorn.tenants as t
    left join counted as c on c.id = t.id
    where t.max_waiting is not null
      and case
        when t.full_since is null then coalesce(c.webhooks, 0) >= t.max_waiting
        else coalesce(c.webhooks, 0) < 0.9 * t.max_waiting
      end
    for update of t skip locked
  )
  update posthorn.tenants as t
  set full_since = case when c.is_full then clock_timestamp() end
  from changed as c
  where t.id = c.id;
  return (select count(*) from posthorn.tenants where max_waiting is not null and full_since is not null);
end
$$;

comment on function posthorn.note_full_tenants() is 'Counts the unfinished webhooks of tenants that have a max_waiting, and notes which are full. Returns how many.';

revoke execute on function posthorn.note_full_tenants() from public;
