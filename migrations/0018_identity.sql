-- Which database this is, so that a copy of it sends nothing until somebody says that it is to send.
--
-- identity  one row: the server and the database in which webhooks were last allowed to be sent, and whether they are held
--
-- A dump that is restored, a database made from a template, and a server that was upgraded by pg_upgrade have the row of the
-- original, and another system identifier or another oid. A standby that is promoted has both of its primary, and goes on.
-- So has a server that was cloned from files: only the environment tells it, or a hold that is made before a worker starts.

create table posthorn.identity (
  is_only boolean not null default true,
  -- Of the server. Null: not recorded yet, or not visible to our role.
  system_identifier bigint,
  -- Of the database.
  database_oid oid,
  -- POSTHORN_ENVIRONMENT of the workers; null: it is not set.
  environment text,
  recorded_at timestamptz,
  -- Set by posthorn.hold().
  held_since timestamptz,
  held_because text,
  constraint identity_pkey primary key (is_only),
  constraint identity_has_one_row check (is_only)
);

-- Everybody may ask for it, unless somebody has taken that right away.
create function posthorn.system_identifier() returns bigint
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
  as $$
begin
  return (select c.system_identifier from pg_control_system() as c);
exception
  when insufficient_privilege then
    return null;
end
$$;

-- Why nothing is sent from this database: one row, or none if webhooks are sent. With an environment, '' for none, it is
-- compared as well. A kind is "copy", "environment" or "request".
create function posthorn.held(environment text default null)
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
          when 'request' then format('Somebody holds it: %s', coalesce(i.held_because, 'no reason was given'))
        end as reason
    ) as found
    where found.kind is not null
  $$;

-- As posthorn.held(), for a worker that is about to send: the first one records which database this is.
create function posthorn.check_in(environment text)
  returns table (kind text, reason text, since timestamptz)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if not exists (
    select
    from posthorn.identity as i
    where i.recorded_at is not null and (i.environment is not null or check_in.environment = '')
  ) then
    insert into posthorn.identity as i (system_identifier, database_oid, environment, recorded_at)
    select posthorn.system_identifier(), d.oid, nullif(check_in.environment, ''), clock_timestamp()
    from pg_database as d
    where d.datname = current_database()
    on conflict (is_only) do update
      set
        system_identifier = excluded.system_identifier,
        database_oid = excluded.database_oid,
        environment = excluded.environment,
        recorded_at = excluded.recorded_at
      where i.recorded_at is null
        -- The environment has got a name. A copy does not name the original's.
        or i.environment is null
          and i.database_oid = excluded.database_oid
          and i.system_identifier is not distinct from excluded.system_identifier;
  end if;
  return query select h.kind, h.reason, h.since from posthorn.held(check_in.environment) as h;
end
$$;

-- Holds everything: within seconds no worker sends anything more, and none that starts does.
create function posthorn.hold(reason text default null) returns void
  language sql
  set search_path = pg_catalog, pg_temp
  as $$
    insert into posthorn.identity as i (held_since, held_because)
    values (clock_timestamp(), hold.reason)
    on conflict (is_only) do update
      set held_since = coalesce(i.held_since, excluded.held_since), held_because = excluded.held_because
  $$;

-- Ends every hold: this database is the one that sends from now on. With an environment, '' for none, it belongs to that one.
create function posthorn.resume(environment text default null) returns void
  language sql
  set search_path = pg_catalog, pg_temp
  as $$
    insert into posthorn.identity as i (system_identifier, database_oid, environment, recorded_at)
    select posthorn.system_identifier(), d.oid, nullif(resume.environment, ''), clock_timestamp()
    from pg_database as d
    where d.datname = current_database()
    on conflict (is_only) do update
      set
        system_identifier = excluded.system_identifier,
        database_oid = excluded.database_oid,
        environment = case when resume.environment is null then i.environment else excluded.environment end,
        recorded_at = excluded.recorded_at,
        held_since = null,
        held_because = null
  $$;

revoke execute on function
  posthorn.system_identifier(),
  posthorn.held(text),
  posthorn.check_in(text),
  posthorn.hold(text),
  posthorn.resume(text)
from public;

comment on table posthorn.identity is 'In which database webhooks are sent; a copy of it is held.';
comment on function posthorn.held is 'Why nothing is sent from this database; no row: webhooks are sent.';
comment on function posthorn.hold is 'Holds everything until posthorn.resume().';
comment on function posthorn.resume is 'Ends every hold: this database is the one that sends from now on.';
