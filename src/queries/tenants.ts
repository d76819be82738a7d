import { type CommonQueryMethods, type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { time } from './shapes.ts';

/** A tenant. Times are RFC 3339 in UTC. */
export const tenantRow = z
  .object({
    id: z.string().describe('The id that the application uses.'),
    name: z.string().describe('For people.'),
    endpoints: z.int().describe('Registered endpoints, without the deleted ones.'),
    created_at: time.nullable().describe('Of its settings; null: it has none, and needs none.'),
  })
  .meta({ id: 'Tenant' });

export type TenantRow = z.infer<typeof tenantRow>;

/** A page of tenants, in the order of their ids. */
export interface TenantPage {
  readonly tenants: readonly TenantRow[];
  /** The id after which the next page begins; null after the last one. */
  readonly after: string | null;
}

/**
 * Lists the tenants that have an endpoint or settings, by their ids: those after one of them, at most `limit`. The
 * endpoints are read by an index that jumps from tenant to tenant.
 */
export async function listTenants(
  connection: Pick<CommonQueryMethods, 'any'>,
  { limit, after = '' }: { readonly limit: number; readonly after?: string | undefined },
): Promise<TenantPage> {
  const next = (id: FragmentSqlToken) => sql.fragment`
    select e.tenant
    from posthorn.endpoints as e
    where e.tenant > ${id} and e.status <> 'deleted'
    order by e.tenant
    limit 1`;
  const rows = await connection.any(sql.type(tenantRow)`
    with recursive named (id) as (
      (${next(sql.fragment`${after}::text`)})
      union all
      select (${next(sql.fragment`n.id`)})
      from named as n
      where n.id is not null
    )
    select w.id, ${columns}
    from (
      (select n.id from named as n where n.id is not null limit ${limit + 1})
      union
      (select t.id from posthorn.tenants as t where t.id > ${after}::text order by t.id limit ${limit + 1})
      order by 1
      limit ${limit + 1}
    ) as w
    left join posthorn.tenants as t on t.id = w.id
    order by w.id`);
  const tenants = rows.slice(0, limit);
  return { tenants, after: rows.length > limit ? (tenants.at(-1)?.id ?? null) : null };
}

/** The columns of {@link tenantRow} besides the id, from w (id) and posthorn.tenants as t. */
const columns = sql.fragment`
  coalesce(t.name, '') as name,
  (select count(*)::integer from posthorn.endpoints as e where e.tenant = w.id and e.status <> 'deleted') as endpoints,
  t.created_at`;

/** Finds a tenant; undefined: it has neither an endpoint nor settings. */
export async function findTenant(
  connection: Pick<CommonQueryMethods, 'one'>,
  id: string,
): Promise<TenantRow | undefined> {
  const row = await connection.one(sql.type(tenantRow)`
    select w.id, ${columns}
    from (select ${id}::text as id) as w
    left join posthorn.tenants as t on t.id = w.id`);
  return row.endpoints === 0 && row.created_at === null ? undefined : row;
}

const idRow = z.object({ id: z.string() });

/** Sets the name of a tenant, whether it has settings or not. */
export async function nameTenant(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  { id, name }: { readonly id: string; readonly name: string },
): Promise<void> {
  await connection.oneFirst(sql.type(idRow)`
    insert into posthorn.tenants as t (id, name)
    values (${id}, ${name})
    on conflict (id) do update set name = excluded.name
    returning t.id`);
}

const changedRow = z.object({ endpoints: z.number() });

/** Gives the endpoints and the settings of a tenant to another id. */
export async function renameTenant(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  { id, to }: { readonly id: string; readonly to: string },
): Promise<number> {
  return await connection.oneFirst(sql.type(changedRow)`
    select posthorn.rename_tenant(${id}::text, ${to}::text)::float8 as endpoints`);
}

/** Deletes the settings of a tenant. Its endpoints stay. */
export async function forgetTenant(
  connection: Pick<CommonQueryMethods, 'maybeOneFirst'>,
  id: string,
): Promise<boolean> {
  const gone = await connection.maybeOneFirst(sql.type(idRow)`
    delete from posthorn.tenants where id = ${id} returning id`);
  return gone !== null;
}
