import { z } from 'zod';
import { graphileSchema } from '../../db/names.ts';
import { relationRights } from '../../db/rights.ts';
import type { Look } from '../look.ts';

const pathRow = z.object({ schema: z.string().nullable(), is_of_role: z.boolean() });

/** Where a table lands that is made without a schema, and whether the role has a search_path of its own. */
export type PathFacts = z.infer<typeof pathRow>;

/** Reads it as the role finds it when it connects: {@link Look} itself has another search_path. */
export function readPath(look: Look): Promise<PathFacts> {
  return look.one(
    pathRow,
    `with path as materialized (
       select set_config('search_path', reset_val, true)
       from pg_settings
       where name = 'search_path'
     )
     select
       current_schema()::text as schema,
       exists (
         select
         from pg_db_role_setting as s
         cross join lateral unnest(s.setconfig) as setting
         where s.setrole = (select oid from pg_roles where rolname = current_user)
           and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
           and starts_with(setting, 'search_path=')) as is_of_role
     from path`,
  );
}

const foreignRow = z.object({ name: z.string() });

/** The tables and views in the schema posthorn that are not Posthorn's. */
export async function readForeignTables(look: Look): Promise<string[]> {
  const rows = await look.all(
    foreignRow,
    `select relname::text as name
     from pg_class
     where relnamespace = to_regnamespace('posthorn')
       and relkind in ('r', 'p', 'v', 'm', 'f')
       and not relispartition
       and relname <> all ($1)
     order by relname`,
    [Object.keys(relationRights)],
  );
  return rows.map(({ name }) => name);
}

const ownerRow = z.object({ role: z.string(), tables: z.int(), example: z.string() });

/** A role that may drop Posthorn's tables and owns tables in other schemas. */
export type MixedOwner = z.infer<typeof ownerRow>;

/** Superusers may drop everything; of them, only the current role counts. Tables of extensions do not. */
export function readMixedOwners(look: Look): Promise<MixedOwner[]> {
  return look.all(
    ownerRow,
    `select
       r.rolname::text as role,
       count(*)::integer as tables,
       min(format('%I.%I', s.nspname, c.relname)) as example
     from pg_namespace as n
     cross join pg_class as c
     join pg_namespace as s on s.oid = c.relnamespace
     join pg_roles as r on r.oid = c.relowner
     where n.nspname = 'posthorn'
       and c.relkind in ('r', 'p')
       and not c.relispartition
       and s.nspname not in ('posthorn', '${graphileSchema}', 'information_schema')
       and not starts_with(s.nspname, 'pg_')
       and (
         c.relowner = n.nspowner
         or pg_has_role(c.relowner, n.nspowner, 'member') and (not r.rolsuper or r.rolname = current_user))
       and not exists (
         select
         from pg_depend as d
         where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
     group by r.rolname
     order by r.rolname`,
  );
}
