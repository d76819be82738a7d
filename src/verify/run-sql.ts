/**
 * Runs a statement in the receiver's transaction and resolves to its rows, or to an object with `rows`. The values belong
 * to $1, $2 and so on.
 */
export type RunSql = (text: string, values: string[]) => PromiseLike<unknown>;

/** A client with a query() like that of pg: its Client and PoolClient, TypeORM's EntityManager and QueryRunner. */
export interface QueryClient {
  query(text: string, values: string[]): PromiseLike<unknown>;
}

/** The `sql` that begin() of postgres.js gives. */
export interface PostgresJsClient {
  unsafe(text: string, values: string[]): PromiseLike<unknown>;
}

/** The client that $transaction() of Prisma gives. */
export interface PrismaClient {
  $queryRawUnsafe(text: string, ...values: string[]): PromiseLike<unknown>;
}

/** How to run statements in the receiver's transaction: a client, or for any other library a function. */
export type SqlClient = QueryClient | PostgresJsClient | PrismaClient | RunSql;

type Rows = (text: string, values: string[]) => Promise<readonly unknown[]>;

/** Makes one function of all kinds of clients. @throws TypeError when this is no client. */
export function rowsBy(client: SqlClient): Rows {
  const run = runnerOf(client);
  return async (text, values) => {
    const result = await run(text, values);
    if (Array.isArray(result)) return result;
    const rows: unknown = Object(result).rows;
    if (Array.isArray(rows)) return rows;
    throw new TypeError(
      `The client must resolve to rows, or to an object with rows: this is of type ${typeof result}`,
    );
  };
}

/** Clients that are functions, such as those of postgres.js and Knex, have methods too, so a plain function comes last. */
function runnerOf(client: SqlClient): RunSql {
  if (has<QueryClient>(client, 'query')) return (text, values) => client.query(text, values);
  if (has<PostgresJsClient>(client, 'unsafe')) return (text, values) => client.unsafe(text, values);
  if (has<PrismaClient>(client, '$queryRawUnsafe')) {
    return (text, values) => client.$queryRawUnsafe(text, ...values);
  }
  if (typeof client === 'function' && !has<{ raw: unknown }>(client, 'raw')) return client;
  throw new TypeError(
    `The client must have a query() like that of pg, be the client of a transaction of postgres.js or Prisma, or be a function (text, values) => rows: this is ${kindOf(client)}`,
  );
}

function has<Client extends object>(
  client: unknown,
  name: keyof Client & string,
): client is Client {
  return typeof Object(client)[name] === 'function';
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'function') return 'a function with a raw(), as in Knex';
  return typeof value === 'object'
    ? `an object (${value.constructor?.name})`
    : `of type ${typeof value}`;
}
