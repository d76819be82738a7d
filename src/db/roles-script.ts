// Pure: no I/O, no clock, no randomness.

import { graphileSchema, lockClass, migrationLock } from './names.ts';
import {
  functionRights,
  type Grantee,
  grantees,
  graphileRights,
  overloads,
  type Rights,
  relationRights,
  roleNames,
  schemaRights,
} from './rights.ts';

/*
 * The SQL of `posthorn roles`, which it runs, or prints for another person to run. Each part may be repeated at any
 * time: it makes what is missing and leaves the rest. The prefix is legal (legalPrefix), so names need no quotes.
 */

/** The whole script: the roles, the schemas' new owner, and the rights, in one transaction. */
export function rolesScript(prefix: string): string {
  const parts = [
    '-- One process at a time changes the schema.',
    `select pg_advisory_xact_lock(${lockClass}, ${migrationLock});`,
    rolesPart(prefix),
    ownershipPart(prefix),
    rightsScript(prefix),
  ];
  return parts.join('\n\n');
}

/** The rights alone, which a new version needs after its migrations. Any member of the owner may run it. */
export function rightsScript(prefix: string): string {
  const names = roleNames(prefix);
  const all = grantees.map((grantee) => names[grantee]).join(', ');
  const schemas = `posthorn, ${graphileSchema}`;
  return [
    '-- Only these rights are granted.',
    `revoke all on schema ${schemas} from public, ${all};`,
    `revoke all on all tables in schema ${schemas} from ${all};`,
    `revoke all on all functions in schema ${schemas} from ${all};`,
    `grant usage on schema posthorn to ${namesOf(schemaRights.posthorn, prefix)};`,
    `grant usage on schema ${graphileSchema} to ${namesOf(schemaRights.graphile, prefix)};`,
    ...Object.entries(relationRights).flatMap(([relation, rights]) =>
      grantsOn(`posthorn.${relation}`, { rights, prefix }),
    ),
    ...Object.entries(functionRights).flatMap(([name, who]) =>
      who === 'anyone' || who.length === 0
        ? []
        : [`grant execute on function ${signaturesOf(name)} to ${namesOf(who, prefix)};`],
    ),
    graphilePart(prefix),
  ].join('\n');
}

/** Roles are shared by all databases of a server, so another session may be making them at this moment. */
function rolesPart(prefix: string): string {
  const names = Object.values(roleNames(prefix));
  return `do $do$
declare
  wanted name;
  strong name;
begin
  foreach wanted in array array['${names.join("', '")}'] loop
    continue when exists (select from pg_roles where rolname = wanted);
    begin
      execute format('create role %I nologin', wanted);
    exception
      when duplicate_object or unique_violation then null;
    end;
  end loop;
  select rolname
  into strong
  from pg_roles
  where rolname in ('${names.join("', '")}')
    and (rolsuper or rolbypassrls or rolcreaterole or rolreplication);
  if found then
    raise insufficient_privilege using
      message = format('The role %I has too much power: it is a superuser, creates roles, bypasses RLS or replicates', strong),
      hint = 'Choose another prefix, or take these attributes from the role.';
  end if;
end
$do$;`;
}

function ownershipPart(prefix: string): string {
  const { owner } = roleNames(prefix);
  return `do $do$
declare
  former name := (select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'posthorn');
  right_to_set text := case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end;
  statement text;
begin
  -- To give something to a role takes membership of it.
  if not pg_has_role(current_user, '${owner}', right_to_set) then
    execute format('grant ${owner} to %I', current_user);
  end if;
  -- What runs as the former owner goes on.
  if former not in ('${owner}', current_user)
    and not (select rolsuper from pg_roles where rolname = former)
    and not pg_has_role(former, '${owner}', 'member')
  then
    execute format('grant ${owner} to %I', former);
  end if;
  for statement in
    select format('alter schema %I owner to ${owner}', nspname)
    from pg_namespace
    where nspname in ('posthorn', '${graphileSchema}')
      and nspowner <> '${owner}'::regrole
    union all
    select format('alter table %s owner to ${owner}', c.oid::regclass)
    from pg_class as c
    where c.relnamespace in ('posthorn'::regnamespace, '${graphileSchema}'::regnamespace)
      and c.relkind in ('r', 'p', 'v', 'm')
      and c.relowner <> '${owner}'::regrole
    union all
    select format('alter type %s owner to ${owner}', t.oid::regtype)
    from pg_type as t
    left join pg_class as c on c.oid = t.typrelid
    where t.typnamespace in ('posthorn'::regnamespace, '${graphileSchema}'::regnamespace)
      and (t.typtype in ('e', 'd') or c.relkind = 'c')
      and t.typowner <> '${owner}'::regrole
    union all
    select format('alter routine %s owner to ${owner}', p.oid::regprocedure)
    from pg_proc as p
    where p.pronamespace in ('posthorn'::regnamespace, '${graphileSchema}'::regnamespace)
      and p.proowner <> '${owner}'::regrole
  loop
    execute statement;
  end loop;
end
$do$;`;
}

/** Graphile Worker's tables have row-level security without a policy, so only their owner would see rows. */
function graphilePart(prefix: string): string {
  const { worker } = roleNames(prefix);
  const grants = (kind: keyof typeof graphileRights) =>
    grantsOn('%1$s', { rights: graphileRights[kind], prefix })
      .map((grant) => `    execute format('${grant.slice(0, -1)}', relation.oid::regclass);`)
      .join('\n');
  return `do $do$
declare
  relation record;
begin
  for relation in
    select c.oid, c.relname, c.relkind, c.relrowsecurity
    from pg_class as c
    where c.relnamespace = '${graphileSchema}'::regnamespace
      and c.relkind in ('r', 'p', 'v')
  loop
    if relation.relname = 'migrations' then
${grants('migrations')}
    elsif relation.relkind = 'v' then
${grants('view')}
    else
${grants('table')}
    end if;
    if relation.relrowsecurity
      and not exists (select from pg_policy where polrelid = relation.oid and polname = '${worker}')
    then
      execute format('create policy ${worker} on %s for all to ${worker} using (true) with check (true)',
        relation.oid::regclass);
    end if;
  end loop;
end
$do$;`;
}

function grantsOn(
  relation: string,
  { rights, prefix }: { rights: Rights; prefix: string },
): string[] {
  const names = roleNames(prefix);
  return grantees.flatMap((grantee) => {
    const privileges = rights[grantee];
    return privileges === undefined
      ? []
      : [`grant ${privileges.join(', ')} on ${relation} to ${names[grantee]};`];
  });
}

function signaturesOf(name: string): string {
  const all = overloads[name] ?? [];
  if (all.length === 0) return `posthorn.${name}`;
  return all.map((parameters) => `posthorn.${name}(${parameters})`).join(', ');
}

function namesOf(who: readonly Grantee[], prefix: string): string {
  const names = roleNames(prefix);
  return who.map((grantee) => names[grantee]).join(', ');
}
