import { z } from 'zod';
import { graphileSchema } from '../../db/names.ts';
import {
  functionRights,
  type Grantee,
  grantees,
  relationRights,
  roleNames,
  schemaRights,
} from '../../db/rights.ts';
import type { Look } from '../look.ts';

/** One privilege on one object, as in src/db/rights.ts: "select on queue", "insert (url) on outbox". */
export interface Right {
  readonly who: Grantee;
  readonly what: string;
  readonly object: string;
  readonly privilege: string;
  readonly column: string | null;
}

const heldRow = z.object({ at: z.int() });

/** Reads the rights of the current role, from any source. */
export async function readHeldRights(
  look: Look,
  rights: readonly Right[],
): Promise<ReadonlySet<Right>> {
  const rows = await look.all(
    heldRow,
    // Of a function, all overloads.
    `select asked.at::integer as at
     from unnest($1::text[], $2::text[], $3::text[]) with ordinality as asked (object, privilege, column_name, at)
     left join pg_namespace as n on asked.privilege = 'usage' and n.nspname = asked.object
     left join pg_proc as p
       on asked.privilege = 'execute' and p.pronamespace = 'posthorn'::regnamespace and p.proname = asked.object
     -- By its oid: to look a name up in a schema takes a right on that.
     left join pg_class as c on c.relnamespace = 'posthorn'::regnamespace and c.relname = asked.object
     group by asked.at
     having coalesce(bool_and(case
       when asked.privilege = 'usage' then has_schema_privilege(n.oid, 'usage')
       when asked.privilege = 'execute' then has_function_privilege(p.oid, 'execute')
       when asked.column_name is not null then has_column_privilege(c.oid, asked.column_name, asked.privilege)
       else has_table_privilege(c.oid, asked.privilege)
     end), false)`,
    [
      rights.map(({ object }) => object),
      rights.map(({ privilege }) => privilege),
      rights.map(({ column }) => column),
    ],
  );
  const at = new Set(rows.map((row) => row.at));
  return new Set(rights.filter((_, index) => at.has(index + 1)));
}

const grantRow = z.object({ role: z.string(), what: z.string() });

/** Reads the direct grants to the roles, in the form of {@link Right}. */
export async function readGrants(
  look: Look,
  prefix: string,
): Promise<{ readonly who: Grantee; readonly what: string }[]> {
  const names = roleNames(prefix);
  const rows = await look.all(
    grantRow,
    `with granted as (
       select c.relname as object, null::name as column_name, a.grantee, a.privilege_type
       from pg_class as c, aclexplode(c.relacl) as a
       where c.relnamespace = 'posthorn'::regnamespace
       union all
       select c.relname, t.attname, a.grantee, a.privilege_type
       from pg_class as c
       join pg_attribute as t on t.attrelid = c.oid, aclexplode(t.attacl) as a
       where c.relnamespace = 'posthorn'::regnamespace
       union all
       select p.proname, null, a.grantee, a.privilege_type
       from pg_proc as p, aclexplode(p.proacl) as a
       where p.pronamespace = 'posthorn'::regnamespace
       group by 1, 3, 4
       having count(*) = (
         select count(*)
         from pg_proc as same
         where same.pronamespace = 'posthorn'::regnamespace and same.proname = p.proname)
       union all
       select n.nspname, null, a.grantee, a.privilege_type
       from pg_namespace as n, aclexplode(n.nspacl) as a
       where n.nspname in ('posthorn', $2)
     )
     select
       r.rolname::text as role,
       lower(g.privilege_type) || coalesce(' (' || g.column_name || ')', '') || ' on ' || g.object as what
     from granted as g
     join pg_roles as r on r.oid = g.grantee
     where r.rolname = any ($1)`,
    [grantees.map((grantee) => names[grantee]), graphileSchema],
  );
  return grantees.flatMap((who) =>
    rows.filter(({ role }) => role === names[who]).map(({ what }) => ({ who, what })),
  );
}

const roleRow = z.object({
  owner: z.string().nullable(),
  is_owner: z.boolean(),
});

/** Reads the owner of the schema, and whether the current role is the owner or a member of it. */
export async function readOwner(look: Look): Promise<z.infer<typeof roleRow>> {
  const rows = await look.all(
    roleRow,
    `select pg_get_userbyid(nspowner)::text as owner, pg_has_role(nspowner, 'usage') as is_owner
     from pg_namespace
     where nspname = 'posthorn'`,
  );
  return rows[0] ?? { owner: null, is_owner: false };
}

const graphileRow = z.object({ is_visible: z.boolean() });

/** Reads whether this role sees the rows of Graphile Worker's jobs, by its owner's rights or by a policy. */
export async function readSeesJobs(look: Look): Promise<boolean> {
  const rows = await look.all(
    graphileRow,
    `select
       has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
       and (
         not row_security_active(c.oid)
         or exists (
           select
           from pg_policy as p, unnest(p.polroles) as role
           where p.polrelid = c.oid and pg_has_role(role, 'usage'))) as is_visible
     from pg_class as c
     join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname = '${graphileSchema}' and c.relname = '_private_jobs'`,
  );
  return rows[0]?.is_visible === true;
}

/** All rights that src/db/rights.ts grants, one by one. */
export function allRights(): readonly Right[] {
  return [
    ...schemaRights.posthorn.map((who) => right(who, { object: 'posthorn', privilege: 'usage' })),
    ...schemaRights.graphile.map((who) =>
      right(who, { object: graphileSchema, privilege: 'usage' }),
    ),
    ...Object.entries(relationRights).flatMap(([object, rights]) =>
      grantees.flatMap((who) =>
        (rights[who] ?? []).flatMap((text) =>
          privilegesIn(text).map((one) => right(who, { object, ...one })),
        ),
      ),
    ),
    ...Object.entries(functionRights).flatMap(([object, who]) =>
      who === 'anyone' ? [] : who.map((one) => right(one, { object, privilege: 'execute' })),
    ),
  ];
}

/** Splits "insert (url, body)" into one privilege per column. */
function privilegesIn(text: string): { privilege: string; column: string | null }[] {
  const [, privilege = text, columns] = /^(\w+) \((.*)\)$/.exec(text) ?? [];
  if (columns === undefined) return [{ privilege, column: null }];
  return columns.split(', ').map((column) => ({ privilege, column }));
}

function right(
  who: Grantee,
  {
    object,
    privilege,
    column = null,
  }: { object: string; privilege: string; column?: string | null },
): Right {
  const what = `${privilege}${column === null ? '' : ` (${column})`} on ${object}`;
  return { who, what, object, privilege, column };
}
