import {
  type CommonQueryMethods,
  type FragmentSqlToken,
  type IdentifierSqlToken,
  sql,
} from 'slonik';
import { z } from 'zod';
import { time } from './shapes.ts';

/** A tenant. Times are RFC 3339 in UTC. */
export const tenantRow = z
  .object({
    id: z.string().describe('The id that the application uses.'),
    name: z.string().describe('For people.'),
    max_in_flight: z
      .int()
      .nullable()
      .describe('Requests at the same time, to all of its endpoints. Null: no limit.'),
    rate_limit_per_s: z
      .number()
      .nullable()
      .describe('Requests a second, to all of its endpoints. Null: no limit.'),
    max_waiting: z
      .int()
      .nullable()
      .describe('It is full when it has this many unfinished webhooks. Null: it is never full.'),
    refuse_when_full: z
      .boolean()
      .describe('Whether new webhooks and events of it are refused while it is full.'),
    full_since: time.nullable().describe('Null: it is not full.'),
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
  t.max_in_flight,
  t.rate_limit_per_s,
  t.max_waiting::float8 as max_waiting,
  coalesce(t.refuse_when_full, false) as refuse_when_full,
  t.full_since,
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

type Value = string | number | boolean | null;

/** The columns that people set, and how a value is written; null is the default. */
const settable = {
  name: (value) => sql.fragment`coalesce(${value}::text, '')`,
  max_in_flight: (value) => sql.fragment`${value}::integer`,
  rate_limit_per_s: (value) => sql.fragment`${value}::double precision`,
  max_waiting: (value) => sql.fragment`${value}::bigint`,
  refuse_when_full: (value) => sql.fragment`coalesce(${value}::boolean, false)`,
} as const satisfies Readonly<Record<string, (value: Value) => FragmentSqlToken>>;

/** The settings to change, by name. One that is left out stays, and null sets it to the default. */
export type TenantValues = { readonly [Column in keyof typeof settable]?: Value | undefined };

/** Changes settings of a tenant, whether it has any or not. */
export async function changeTenant(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  { id, values }: { readonly id: string; readonly values: TenantValues },
): Promise<void> {
  const given = Object.entries(settable).flatMap(([name, toSql]) => {
    const value: Value | undefined = Reflect.get(values, name);
    return value === undefined ? [] : [{ name: sql.identifier([name]), value: toSql(value) }];
  });
  const list = (parts: readonly (FragmentSqlToken | IdentifierSqlToken)[]) =>
    sql.join(parts, sql.fragment`, `);
  await connection.oneFirst(sql.type(idRow)`
    insert into posthorn.tenants as t (id, ${list(given.map(({ name }) => name))})
    values (${id}, ${list(given.map(({ value }) => value))})
    on conflict (id) do update
      set ${list(given.map(({ name }) => sql.fragment`${name} = excluded.${name}`))}
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
