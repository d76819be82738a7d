-- Deletes the rows of lanes of origins whose breakers have just opened: from now on the origin's row counts for them. Those that are
-- open or asked for a pause stay, and a row that another session has locked.
--
-- psql "$DATABASE_URL" -c begin -f sql/forget-lanes.sql -c rollback \
--   -v origins='{1}'
with forgotten as materialized (
  select key
  from posthorn.breakers
  where origin = any (:'origins'::bigint[])
    and key <> origin
    and state = 'closed'
    and (throttled_until is null or throttled_until <= now())
  for update skip locked
)
delete from posthorn.breakers
where key = any (array(select key from forgotten))
