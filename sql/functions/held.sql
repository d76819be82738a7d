-- Why this database is held: one row, or none if webhooks are sent. If an environment is given ('' for none), it is
-- compared too. The kind is "copy", "environment" or "request".
create or replace function posthorn.held(environment text default null)
  returns table (kind text, reason text, since timestamptz)
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select found.kind, found.reason, case when found.kind = 'request' then i.held_since end
    from posthorn.identity as i
    cross join (
      select d.oid, posthorn.system_identifier() as system_identifier
      from pg_database as d
      where d.datname = current_database()
    ) as here
    cross join lateral (
      select
        case
          when i.database_oid <> here.oid or i.system_identifier <> here.system_identifier then 'copy'
          when i.environment <> held.environment then 'environment'
          when i.held_since is not null then 'request'
        end as kind
    ) as judged
    cross join lateral (
      select
        judged.kind,
        case judged.kind
          when 'copy' then format(
            'This database is a copy or was moved: webhooks were last sent from database %s of server %s, and this is database %s of server %s',
            i.database_oid, coalesce(i.system_identifier::text, 'unknown'),
            here.oid, coalesce(here.system_identifier::text, 'unknown'))
          when 'environment' then format(
            'This database belongs to the environment %s, and POSTHORN_ENVIRONMENT is %s',
            i.environment, coalesce(nullif(held.environment, ''), 'not set'))
          when 'request' then format('It is held by request: %s', coalesce(i.held_because, 'no reason was given'))
        end as reason
    ) as found
    where found.kind is not null
  $$;

revoke execute on function posthorn.held(text) from public;

comment on function posthorn.held is 'Why this database is held; no row: webhooks are sent.';
