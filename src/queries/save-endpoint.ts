import { type CommonQueryMethods, type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { type NewSubscription, subscribe } from './subscriptions.ts';

type Value = string | number | boolean | null;

/** The columns that people set, and how a value is written; null is the default. */
const columns = {
  tenant: (value) => sql.fragment`coalesce(${value}::text, '')`,
  url: (value) => sql.fragment`${value}::text`,
  description: (value) => sql.fragment`coalesce(${value}::text, '')`,
  secret: (value) => sql.fragment`${value}::text`,
  public_key: (value) => sql.fragment`${value}::text`,
  headers: (value) => sql.fragment`${value}::jsonb`,
  max_in_flight: (value) => sql.fragment`${value}::integer`,
  rate_limit_per_s: (value) => sql.fragment`${value}::double precision`,
  timeout_ms: (value) => sql.fragment`${value}::integer`,
  retry_schedule_s: (value) => sql.fragment`${value}::integer[]`,
  ordered: (value) => sql.fragment`coalesce(${value}::boolean, false)`,
} as const satisfies Readonly<Record<string, (value: Value) => FragmentSqlToken>>;

/** The columns that are set, by name. One that is left out stays, and null sets it to the default. */
export type EndpointValues = { readonly [Column in keyof typeof columns]?: Value | undefined };

/** The columns that are set, each with its value. */
function columnsIn(values: EndpointValues) {
  return Object.entries(columns).flatMap(([name, toSql]) => {
    const value: Value | undefined = Reflect.get(values, name);
    return value === undefined ? [] : [{ name: sql.identifier([name]), value: toSql(value) }];
  });
}

const idRow = z.object({ id: z.string() });

/** Makes the id of an endpoint before it is registered, because its secret is sealed for this id. */
export async function newEndpointId(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
): Promise<string> {
  return await connection.oneFirst(sql.type(idRow)`select posthorn.uuid_v7() as id`);
}

/** Registers an endpoint, with its first subscriptions. */
export async function createEndpoint(
  connection: Pick<CommonQueryMethods, 'oneFirst' | 'transaction'>,
  {
    id,
    values,
    subscriptions = [],
  }: {
    readonly id: string;
    readonly values: EndpointValues;
    readonly subscriptions?: readonly NewSubscription[];
  },
): Promise<void> {
  if (subscriptions.length === 0) return insert(connection, { id, values });
  await connection.transaction(async (transaction) => {
    await insert(transaction, { id, values });
    await subscribe(transaction, { endpointId: id, subscriptions });
  });
}

async function insert(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  { id, values }: { readonly id: string; readonly values: EndpointValues },
): Promise<void> {
  const given = columnsIn(values);
  const names = given.map(({ name }) => name);
  await connection.oneFirst(sql.type(idRow)`
    insert into posthorn.endpoints (id, ${sql.join(names, sql.fragment`, `)})
    values (${id}::uuid, ${sql.join(
      given.map(({ value }) => value),
      sql.fragment`, `,
    )})
    returning id`);
}

/** Changes an endpoint; false: there is none, or it was deleted. Setting a secret here also ends the former ones. */
export async function changeEndpoint(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  { id, values }: { readonly id: string; readonly values: EndpointValues },
): Promise<boolean> {
  const assignments = columnsIn(values).map(({ name, value }) => sql.fragment`${name} = ${value}`);
  if (values.secret !== undefined) assignments.push(sql.fragment`former_secrets = null`);
  const row = await connection.maybeOne(sql.type(idRow)`
    update posthorn.endpoints
    set ${sql.join(assignments, sql.fragment`, `)}
    where id = ${id}::uuid and status <> 'deleted'
    returning id`);
  return row !== null;
}
