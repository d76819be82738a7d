// Pure: no I/O, no clock, no randomness.

import { call, has, isThing, type Thing } from './thing.ts';
import { unknownTransaction } from './unknown-transaction.ts';

/**
 * A transaction, or what it runs on, as your library has it. The interfaces below name only what is called, so that the
 * objects of all versions fit and none of the libraries is needed to compile.
 */
export type Transaction =
  | QueryMethod
  | PostgresJs
  | Kysely
  | Drizzle
  | Knex
  | Prisma
  | SequelizeTransaction
  | SequelizePair
  | MikroOrm;

/** pg (Client, PoolClient, Pool), TypeORM (EntityManager, QueryRunner, DataSource), slonik, and what has a query() like theirs. */
interface QueryMethod {
  query(statement: never, values: never): PromiseLike<unknown>;
}

/** The sql of postgres.js, or the one that sql.begin() passes. */
interface PostgresJs {
  unsafe(statement: never, parameters: never): PromiseLike<unknown>;
}

interface Kysely {
  executeQuery(query: never): PromiseLike<unknown>;
  getExecutor(): object;
}

interface Drizzle {
  execute(query: never): PromiseLike<unknown>;
  readonly _: object;
}

/** A Knex transaction, or knex itself; Objection has the same. */
interface Knex {
  raw(statement: never, bindings: never): PromiseLike<unknown>;
}

/** The client that prisma.$transaction() passes, or prisma itself. */
interface Prisma {
  $queryRawUnsafe(statement: never, ...values: never[]): PromiseLike<unknown>;
}

interface SequelizeTransaction {
  commit(): PromiseLike<void>;
  afterCommit(callback: never): void;
}

interface SequelizePair {
  readonly sequelize: { query(statement: never, options: never): PromiseLike<unknown> };
  readonly transaction: object | null;
}

/** The EntityManager of MikroORM. */
interface MikroOrm {
  getTransactionContext(): unknown;
  getConnection(): object;
}

/**
 * A statement with one parameter, a text. Every client can send one text as it is, while each has its own ways with null,
 * arrays, dates and jsonb. The statement has no other "$" or "?", which some clients replace.
 */
export interface Statement {
  readonly text: string;
  readonly parameter: string;
}

/** Runs a statement in a transaction. The result is as the library gives it. */
export type Run = (statement: Statement) => unknown;

/**
 * Finds out from the shape of an object how a statement is run in it.
 *
 * @throws TypeError when it is none of the kinds that are known.
 */
export function runnerOf(caller: string, given: unknown): Run {
  // What has a then() is a promise of a transaction, or a query.
  if (isThing(given) && !has(given, 'then')) {
    const kind = kinds.find(({ is }) => is(given));
    if (kind !== undefined) return (statement) => kind.run(given, statement, caller);
  }
  throw unknownTransaction(caller, given);
}

/** The rows in a result; undefined if there are none. Most libraries resolve to the rows, some to an object that has them. */
export function rowsIn(result: unknown): readonly unknown[] | undefined {
  const rows = Array.isArray(result) ? result : (result as { rows?: unknown } | null)?.rows;
  return Array.isArray(rows) ? rows : undefined;
}

interface Kind {
  is(tx: Thing): boolean;
  run(tx: Thing, statement: Statement, caller: string): unknown;
}

const prisma: Kind = {
  is: (tx) => has(tx, '$queryRawUnsafe'),
  run: (tx, { text, parameter }) => call(tx, '$queryRawUnsafe', text, parameter),
};

const slonik: Kind = {
  is: (tx) => has(tx, 'any') && has(tx, 'oneFirst'),
  run: (tx, { text, parameter }) =>
    call(tx, 'any', { type: 'SLONIK_TOKEN_QUERY', sql: text, values: [parameter] }),
};

const kysely: Kind = {
  is: (tx) => has(tx, 'executeQuery') && has(tx, 'getExecutor'),
  // As CompiledQuery.raw() of Kysely makes it.
  run: (tx, { text, parameter }) =>
    call(tx, 'executeQuery', {
      sql: text,
      parameters: [parameter],
      query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
      queryId: { queryId: 'posthorn' },
    }),
};

const drizzle: Kind = {
  is: (tx) => has(tx, 'execute') && isThing(tx['dialect']) && has(tx['dialect'], 'sqlToQuery'),
  // What execute() needs of an SQL object: it asks for the text and the parameters.
  run: (tx, { text, parameter }) =>
    call(tx, 'execute', {
      getSQL: () => ({ toQuery: () => ({ sql: text, params: [parameter], typings: ['none'] }) }),
    }),
};

const sequelize: Kind = {
  is: (tx) => isThing(tx['sequelize']) && has(tx['sequelize'], 'getQueryInterface'),
  run: (tx, statement) =>
    runBySequelize(tx['sequelize'] as Thing, {
      statement,
      // The Transaction itself knows its Sequelize.
      transaction: has(tx, 'commit') ? tx : tx['transaction'],
    }),
};

const sequelizeItself: Kind = {
  is: (tx) => has(tx, 'query') && has(tx, 'getQueryInterface'),
  run: (tx, statement) => runBySequelize(tx, { statement, transaction: undefined }),
};

/**
 * Its own execute() writes the parameters into the text of the statement, where Postgres would log them if it fails. So
 * the statement goes to the Kysely or Knex transaction that MikroORM works in, or to its client outside of one.
 */
const mikroOrm: Kind = {
  is: (tx) => has(tx, 'getTransactionContext') && has(tx, 'getConnection'),
  run: (tx, statement, caller) => {
    const context = call(tx, 'getTransactionContext');
    if (isThing(context)) return runnerOf(caller, context)(statement);
    const connection = call(tx, 'getConnection') as Thing;
    const client = call(connection, has(connection, 'getKnex') ? 'getKnex' : 'getClient');
    return runnerOf(caller, client)(statement);
  },
};

const knex: Kind = {
  is: (tx) => typeof tx === 'function' && has(tx, 'raw'),
  run: (tx, { text, parameter }) => call(tx, 'raw', text.replace('$1', '?'), [parameter]),
};

const postgresJs: Kind = {
  is: (tx) => typeof tx === 'function' && has(tx, 'unsafe'),
  run: (tx, { text, parameter }) => call(tx, 'unsafe', text, [parameter]),
};

const queryMethod: Kind = {
  is: (tx) => has(tx, 'query'),
  run: (tx, { text, parameter }) => call(tx, 'query', text, [parameter]),
};

/** In the order in which they are tried: several have a query(), each with arguments of its own. */
const kinds: readonly Kind[] = [
  prisma,
  slonik,
  kysely,
  mikroOrm,
  drizzle,
  sequelize,
  sequelizeItself,
  knex,
  // The functions of some drivers have an unsafe() that does something else.
  queryMethod,
  postgresJs,
];

function runBySequelize(
  instance: Thing,
  { statement, transaction }: { readonly statement: Statement; readonly transaction: unknown },
): unknown {
  return call(instance, 'query', statement.text, {
    bind: [statement.parameter],
    // Rows and nothing else, and not from a replica.
    type: 'SELECT',
    raw: true,
    useMaster: true,
    ...(isThing(transaction) ? { transaction } : {}),
  });
}
