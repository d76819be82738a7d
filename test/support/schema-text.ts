import type pg from 'pg';

/**
 * The schema posthorn as a server has it, made from its catalogs: the text of sql/schema.sql. The partitions of days are left
 * out, and the tables that node-pg-migrate and Graphile Worker make.
 */
export async function schemaText(client: pg.ClientBase): Promise<string> {
  // So that all names of ours are written with their schema.
  await client.query('set search_path = pg_catalog');
  const parts = [header];
  for (const [title, statement] of Object.entries(sections)) {
    const { rows } = await client.query<{ text: string }>(statement);
    parts.push(`-- ${title}`, ...rows.map(({ text }) => text.replaceAll(/[^\S\n]+$/gm, '').trim()));
  }
  return `${parts.join('\n\n')}\n`;
}

const header = `-- The whole schema posthorn, as Postgres 18 describes it: to be read, not to be run.
-- It is made by migrations/, sql/functions/ and sql/views/. After a change there: npm run schema.`;

const schema = `'posthorn'::regnamespace`;
const ofTables = `c.relnamespace = ${schema} and c.relkind in ('r', 'p') and c.relname <> 'migrations' and c.relname !~ '_[0-9]{8}$'`;

/** A statement for each, whose rows are the parts. */
const sections = {
  Types: `
    select format('create type posthorn.%I as enum (%s);', t.typname, string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)) as text
    from pg_type as t
    join pg_enum as e on e.enumtypid = t.oid
    where t.typnamespace = ${schema}
    group by t.typname
    order by t.typname collate "C"`,

  Tables: `
    select format('create table posthorn.%I%s%s%s;', c.relname,
      case
        when c.relispartition then format(' partition of %s %s',
          (select i.inhparent::regclass from pg_inherits as i where i.inhrelid = c.oid), pg_get_expr(c.relpartbound, c.oid))
        else format(E' (\\n%s\\n)', concat_ws(E',\\n', columns.text, constraints.text))
      end,
      case when c.relkind = 'p' then ' partition by ' || pg_get_partkeydef(c.oid) end,
      case when c.reloptions is not null then
        format(E' with (\\n  %s\\n)', (select string_agg(option, E',\\n  ' order by option collate "C") from unnest(c.reloptions) as option))
      end) as text
    from pg_class as c
    cross join lateral (
      select string_agg(
        format('  %s %s%s%s%s', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
          case when a.attnotnull then ' not null' end,
          case
            when a.attgenerated = 's' then format(' generated always as (%s) stored', pg_get_expr(d.adbin, d.adrelid))
            when d.oid is not null then ' default ' || pg_get_expr(d.adbin, d.adrelid)
          end,
          ' statistics ' || nullif(a.attstattarget, -1)),
        E',\\n' order by a.attnum) as text
      from pg_attribute as a
      left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ) as columns
    cross join lateral (
      select string_agg(
        format('  constraint %I %s', k.conname, pg_get_constraintdef(k.oid)),
        E',\\n' order by k.contype desc, k.conname collate "C") as text
      from pg_constraint as k
      where k.conrelid = c.oid and k.contype in ('p', 'u', 'c', 'f', 'x')
    ) as constraints
    where ${ofTables}
    order by c.relname collate "C"`,

  Indexes: `
    select string_agg(pg_get_indexdef(x.indexrelid) || ';', E'\\n' order by i.relname collate "C") as text
    from pg_index as x
    join pg_class as i on i.oid = x.indexrelid
    join pg_class as c on c.oid = x.indrelid
    where ${ofTables}
      and not c.relispartition
      and not exists (select from pg_constraint as k where k.conindid = x.indexrelid)
    group by c.relname
    order by c.relname collate "C"`,

  Functions: `
    select concat_ws(E'\\n', pg_get_functiondef(p.oid) || ';',
      case when p.proacl is not null and not exists (select from aclexplode(p.proacl) where grantee = 0)
        then format('revoke execute on function %s from public;', p.oid::regprocedure)
      end) as text
    from pg_proc as p
    where p.pronamespace = ${schema}
    order by p.proname collate "C", pg_get_function_identity_arguments(p.oid) collate "C"`,

  Views: `
    select format(E'create view posthorn.%I as\\n%s', c.relname, pg_get_viewdef(c.oid)) as text
    from pg_class as c
    where c.relnamespace = ${schema} and c.relkind = 'v'
    order by c.relname collate "C"`,

  Triggers: `
    select concat_ws(E'\\n', pg_get_triggerdef(t.oid) || ';',
      case when t.tgenabled <> 'O' then
        format('alter table %s %s trigger %I;', c.oid::regclass,
          case t.tgenabled when 'A' then 'enable always' when 'R' then 'enable replica' else 'disable' end, t.tgname)
      end) as text
    from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    where (${ofTables} or c.relnamespace = ${schema} and c.relkind = 'v') and not t.tgisinternal
    order by c.relname collate "C", t.tgname collate "C"`,

  Comments: `
    select format('comment on %s is %L;', what, description) as text
    from (
      select 'table ' || c.oid::regclass as what, obj_description(c.oid, 'pg_class') as description
      from pg_class as c
      where ${ofTables}
      union all
      select 'view ' || c.oid::regclass, obj_description(c.oid, 'pg_class')
      from pg_class as c
      where c.relnamespace = ${schema} and c.relkind = 'v'
      union all
      select 'column ' || c.oid::regclass || '.' || quote_ident(a.attname), col_description(c.oid, a.attnum)
      from pg_class as c
      join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where ${ofTables} or c.relnamespace = ${schema} and c.relkind = 'v'
      union all
      select 'function ' || p.oid::regprocedure, obj_description(p.oid, 'pg_proc')
      from pg_proc as p
      where p.pronamespace = ${schema}
    ) as described
    where description is not null
    order by what collate "C"`,
} as const;
